"""What --metrics-file holds: every figure of the run, whole or not at all, as the reference describes it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.operator.programs import ROOT, run

from macie_inventory.errors import ConfigurationError, MacieInventoryError
from macie_inventory.metrics import RunHistory, check_metrics_file, read_history, write_metrics
from macie_inventory.model import Outcome, RunStart, RunStatus
from macie_inventory.store import RunSummary, open_store, parse_database_url

if TYPE_CHECKING:
    from pathlib import Path

SUMMARY = RunSummary(
    run_id="01a203db-637b-756e-902c-d5b414b59a59",
    started_at="2026-11-01T09:30:00.000000Z",
    finished_at="2026-11-01T09:31:30.500000Z",
    status=RunStatus.PARTIAL,
    tool_version="1.2.3",
    caller_arn="arn:aws:iam::111122223333:user/audit",
    partition="aws",
    scope={},
    filter_criteria=None,
    targets_total=10,
    targets_covered=8,
    targets_failed=2,
    jobs_seen=31,
    jobs_appeared=5,
    jobs_changed=4,
    jobs_disappeared=3,
    jobs_reappeared=2,
    api_calls=20,
    retries=6,
    throttles=7,
    error=None,
    by_outcome={"collected": 7, "macie_disabled": 1, "role_denied": 2},
    jobs_by_status={"RUNNING": 30, "SHINY_NEW": 1, None: 9},
)
HISTORY = RunHistory(runs_by_status={"complete": 3, "partial": 1}, last_complete_at="2026-10-31T00:00:00.000000Z")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(path: Path) -> Samples:
    """Read a file as Prometheus does."""
    return {
        (sample.name.removeprefix("macie_inventory_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write the metrics of a partial run."""
    path = tmp_path / "macie.prom"
    write_metrics(path, SUMMARY, HISTORY)
    return path


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("build_info", {"version": "1.2.3"}, 1),
        ("last_run_started_timestamp_seconds", {}, 1793525400),
        ("last_run_finished_timestamp_seconds", {}, 1793525490.5),
        ("last_run_duration_seconds", {}, 90.5),
        ("last_run_status", {"status": "partial"}, 1),
        ("last_run_status", {"status": "complete"}, 0),
        ("last_run_targets", {"outcome": "collected", "covered": "true"}, 7),
        ("last_run_targets", {"outcome": "role_denied", "covered": "false"}, 2),
        ("last_run_targets", {"outcome": "throttled", "covered": "false"}, 0),
        ("last_run_jobs", {"status": "RUNNING"}, 30),
        ("last_run_jobs", {"status": "IDLE"}, 0),
        ("last_run_jobs", {"status": "SHINY_NEW"}, 1),
        ("last_run_jobs", {"status": ""}, 9),
        ("last_run_job_changes", {"change": "appeared"}, 5),
        ("last_run_job_changes", {"change": "updated"}, 4),
        ("last_run_job_changes", {"change": "disappeared"}, 3),
        ("last_run_job_changes", {"change": "reappeared"}, 2),
        ("last_run_api_calls", {}, 20),
        ("last_run_retries", {}, 6),
        ("last_run_throttles", {}, 7),
        ("runs", {"status": "complete"}, 3),
        ("runs", {"status": "failed"}, 0),
        ("last_complete_run_timestamp_seconds", {}, 1793404800),
    ],
)
def test_every_figure_is_there(file: Path, name: str, labels: dict[str, str], value: float) -> None:
    """Each figure of the run stands under its name and labels."""
    assert samples(file)[name, frozenset(labels.items())] == value


def test_every_outcome_is_there(file: Path) -> None:
    """Alerts see a zero, not a gap, for an outcome that did not come up; the sum is the targets."""
    targets = {dict(labels)["outcome"]: v for (name, labels), v in samples(file).items() if name == "last_run_targets"}
    assert set(targets) == {outcome.value for outcome in Outcome}
    assert sum(targets.values()) == SUMMARY.targets_total


def test_no_complete_run_leaves_its_moment_out(tmp_path: Path) -> None:
    """Before the first complete run there is no moment of it, rather than 1970."""
    write_metrics(tmp_path / "macie.prom", SUMMARY, RunHistory())
    assert not any(name.startswith("last_complete") for name, _ in samples(tmp_path / "macie.prom"))


def test_the_reference_describes_what_is_written(file: Path) -> None:
    """docs/reference/metrics.md names every metric with its labels and its help text, and no other."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(macie_inventory_\w+)` \| (.*?)\s*\| (.+) \|$", page, re.MULTILINE)
    documented = {name: (set(re.findall(r"`(\w+)`", labels)), text) for name, labels, text in rows}
    written = {
        family.name: ({label for sample in family.samples for label in sample.labels}, family.documentation)
        for family in text_string_to_metric_families(file.read_text())
    }
    assert documented == written


def test_the_alerts_speak_of_metrics_that_exist(file: Path) -> None:
    """Every name and label of the alerts is written, and the page shows the same expressions."""
    names = {name for name, _ in samples(file)}
    labels = {item for _, pairs in samples(file) for item in pairs}
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    (group,) = yaml.safe_load((ROOT / "config" / "prometheus" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]:
        used = re.findall(r"macie_inventory_(\w+)", rule["expr"])
        assert used
        assert set(used) <= names
        assert set(re.findall(r"(\w+)=\"(\w+)\"", rule["expr"])) <= labels
        assert f"| `{rule['alert']}` | `{rule['expr']}` |" in page


def test_the_file_is_replaced_whole(file: Path) -> None:
    """A new run puts a new file in the old one's place: who has the old one open reads it to its end."""
    before = file.read_bytes()
    with file.open("rb") as reader:
        write_metrics(file, replace(SUMMARY, status=RunStatus.COMPLETE), HISTORY)
        assert reader.read() == before
    assert samples(file)["last_run_status", frozenset({("status", "complete")})] == 1
    assert [path.name for path in file.parent.iterdir()] == ["macie.prom"]


def test_a_folder_or_a_missing_one_is_refused_beforehand(tmp_path: Path) -> None:
    """What cannot be written is said before the run, naming the option."""
    with pytest.raises(ConfigurationError, match="is a folder"):
        check_metrics_file(tmp_path)
    with pytest.raises(ConfigurationError, match="cannot write in"):
        check_metrics_file(tmp_path / "missing" / "macie.prom")
    check_metrics_file(tmp_path / "macie.prom")


def test_a_file_that_cannot_be_written_afterwards_is_an_error(tmp_path: Path) -> None:
    """A folder that went away during the run is reported, with the run being stored."""
    with pytest.raises(MacieInventoryError, match="the run is stored, but"):
        write_metrics(tmp_path / "gone" / "macie.prom", SUMMARY, HISTORY)


@pytest.mark.anyio
async def test_the_history_is_read_from_the_database(tmp_path: Path) -> None:
    """The runs that the database holds are counted by status, and the end of the newest complete one is found."""
    url = parse_database_url(f"sqlite:///{tmp_path / 'inventory.db'}")
    ends = (RunStatus.COMPLETE, "11"), (RunStatus.PARTIAL, "13"), (RunStatus.COMPLETE, "12")
    async with open_store(url) as store:
        for number, (status, hour) in enumerate(ends):
            run = RunStart(
                run_id=f"run-{number}",
                started_at="2026-11-01T10:00:00.000000Z",
                tool_version="1",
                caller_arn="arn:aws:iam::111122223333:user/audit",
                partition="aws",
                scope={},
            )
            await store.begin_run(run, [], [])
            await store.finish_run(status, f"2026-11-01T{hour}:00:00.000000Z")
    assert await read_history(url) == RunHistory(
        runs_by_status={"complete": 2, "partial": 1}, last_complete_at="2026-11-01T12:00:00.000000Z"
    )


def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path) -> None:
    """Where prometheus-client is missing, the option says how to get it."""
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from pathlib import Path\n"
        "from macie_inventory.metrics import check_metrics_file\n"
        f"check_metrics_file(Path({str(tmp_path / 'm.prom')!r}))\n"
    )
    result = run(sys.executable, "-c", code, env=dict(os.environ))
    assert "pip install 'macie-inventory[metrics]'" in result.stderr.splitlines()[-1]
