"""The `report` command, from a database to its file."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from macie_inventory.cli.report import report
from macie_inventory.errors import ConfigurationError, MacieInventoryError, UsageError
from macie_inventory.html_report.reading import read_inventory
from macie_inventory.model import Account, Harvest, Job, Outcome, RunStart, RunStatus, Target, timestamp
from macie_inventory.overview.news import StatusChange, read_news
from macie_inventory.store import open_store, parse_database_url
from macie_inventory.store.query import moment_of

pytestmark = pytest.mark.anyio

ACCOUNTS = [
    Account(account_id="1" * 12, name="pay", ou_path="/Root/Prod"),
    Account(account_id="2" * 12, name="shop", ou_path="/Root/Dev"),
]
TARGETS = [Target(account.account_id, region) for account in ACCOUNTS for region in ("eu-west-1", "us-east-1")]


def job(name: str, status: str, **more: object) -> Job:
    """Give a job whose id is its name."""
    raw = json.dumps({"jobId": name, "name": name, "jobStatus": status, "jobType": "ONE_TIME"} | more)
    return Job(name, raw, raw)


async def collected(url: str, days: int, first: list[Job]) -> str:
    """Store a run of some days ago: its first target has these jobs, its last is denied; give its id."""
    began = moment_of(f"{days}d")
    run = RunStart(
        run_id=f"run-{9 - days}", started_at=began, tool_version="1", caller_arn="arn", partition="aws", scope={}
    )
    async with open_store(url) as store:
        await store.begin_run(run, ACCOUNTS, TARGETS)
        harvests = [Harvest(target=TARGETS[0], outcome=Outcome.COLLECTED, jobs=first, finished_at=began)]
        harvests += [Harvest(target=target, outcome=Outcome.COLLECTED, finished_at=began) for target in TARGETS[1:3]]
        denied = Outcome.ACCESS_DENIED
        harvests += [Harvest(target=TARGETS[3], outcome=denied, error_code="AccessDeniedException", finished_at=began)]
        await store.write(harvests)
        await store.finish_run(RunStatus.PARTIAL, began)
    return run.run_id


async def two_runs(url: str) -> None:
    """Store a run of three jobs, and another that finds one changed, one gone and one new."""
    soon = {"userPausedDetails": {"jobExpiresAt": _in_days(2)}}
    failing = {"lastRunErrorStatus": {"code": "ERROR"}}
    kept = job("paused", "USER_PAUSED", **soon)
    await collected(url, 2, [job("one", "RUNNING", **failing), job("gone", "IDLE"), kept])
    await collected(url, 1, [job("one", "COMPLETE", **failing), job("new", "RUNNING"), kept])


def _in_days(days: float) -> str:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - only here

    return timestamp(datetime.now(UTC) + timedelta(days=days))


async def test_the_inventory_is_read_from_both_databases(database_url: str) -> None:
    """Coverage, jobs, history, deadlines and changes are those that were stored."""
    await two_runs(database_url)
    found = await read_inventory(parse_database_url(database_url), "last")
    assert found.run.run_id == "run-8"
    assert [gap.account_id for gap in found.gaps] == ["2" * 12]
    assert [tuple(row) for row in found.accounts] == [
        ("2" * 12, "shop", "/Root/Dev"),
        ("1" * 12, "pay", "/Root/Prod"),
    ]
    assert min(map(tuple, found.targets)) == ("1" * 12, "eu-west-1", "collected", 3)
    assert {tuple(row) for row in found.by_region} == {
        ("eu-west-1", "COMPLETE", 1),
        ("eu-west-1", "RUNNING", 1),
        ("eu-west-1", "USER_PAUSED", 1),
    }
    assert [dict(point.jobs) for point in found.history] == [
        {"RUNNING": 1, "IDLE": 1, "USER_PAUSED": 1},
        {"COMPLETE": 1, "RUNNING": 1, "USER_PAUSED": 1},
    ]
    (days,) = found.days_left
    assert 1.9 < days < 2
    (paused,) = found.expiring.rows
    assert (paused[1:4], found.expiring.total) == (["pay", "eu-west-1", "paused"], 1)
    (failing,) = found.failing.rows
    assert failing[:4] == ["pay", "eu-west-1", "one", "COMPLETE"]
    assert [row[0] for row in found.changes.rows] == ["disappeared", "updated", "appeared"]
    updated = found.changes.rows[1]
    assert updated[3:7] == ["one", "job_status", '"RUNNING"', '"COMPLETE"']
    assert found.changes_by_kind == {"appeared": 1, "disappeared": 1, "updated": 1}


async def test_an_older_run_has_its_own_changes(database_url: str) -> None:
    """A report of an older run shows that run's coverage and changes."""
    await two_runs(database_url)
    found = await read_inventory(parse_database_url(database_url), "run-7")
    assert {row[0] for row in found.changes.rows} == {"appeared"}
    assert found.changes.total == 3


async def test_news_of_both_databases(database_url: str) -> None:
    """The news of a run are its status changes, the run before it, and what is about to expire."""
    await two_runs(database_url)
    news = await read_news(parse_database_url(database_url), "run-8")
    assert news.status_changes == [StatusChange(old="RUNNING", new="COMPLETE", jobs=1)]
    assert str(news.previous_started_at)[:10] == moment_of("2d")[:10]
    assert [(expiring.name, round(expiring.days_left)) for expiring in news.expiring] == [("paused", 2)]
    assert (await read_news(parse_database_url(database_url), "run-7")).previous_started_at is None


def run_report(*arguments: str) -> str:
    """Run the command in this process; its errors are raised."""
    result = CliRunner().invoke(report, list(arguments), standalone_mode=False)
    if isinstance(result.exception, MacieInventoryError):
        raise result.exception
    assert result.exception is None, result.exception
    return result.stdout


def test_the_file_is_whole_private_and_replaced(sqlite_url: str, tmp_path: Path) -> None:
    """The file has the run's figures, belongs to its owner only, and a second report replaces it."""
    import anyio  # noqa: PLC0415 - the command runs a loop of its own

    anyio.run(two_runs, sqlite_url)
    output = tmp_path / "report.html"
    output.write_text("old")
    printed = run_report("--database", sqlite_url, "--output", str(output))
    assert printed.startswith(f"{output}: 0.")
    text = output.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.rstrip().endswith("</html>")
    assert "75.0 %" in text
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert {path.name.partition(".db")[0] for path in tmp_path.iterdir()} == {"inventory", "report.html"}


def test_what_cannot_be_reported(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No database, no such run, no such folder, no library: each is one clear error, and no file appears."""
    import anyio  # noqa: PLC0415 - the command runs a loop of its own

    output = str(tmp_path / "report.html")
    with pytest.raises(ConfigurationError, match="collect"):
        run_report("--database", sqlite_url, "--output", output)
    anyio.run(two_runs, sqlite_url)
    with pytest.raises(UsageError, match="no run run-1"):
        run_report("--database", sqlite_url, "--output", output, "--run", "run-1")
    with pytest.raises(UsageError, match="name another file"):
        run_report("--database", sqlite_url, "--output", str(tmp_path / "no" / "report.html"))
    monkeypatch.setitem(sys.modules, "pygal", None)
    with pytest.raises(ConfigurationError, match=r"macie-inventory\[report\]"):
        run_report("--database", sqlite_url, "--output", output)
    assert not Path(output).exists()
