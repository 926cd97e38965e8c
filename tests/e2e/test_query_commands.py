"""`query`, `views`, `changes`, `export` and `db prune` from the command line, and the commands of the how-to page."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.store.material import ACCOUNT, ELSEWHERE, HERE, THERE, at, collect, harvest, item

from macie_inventory.cli import app
from macie_inventory.cli.changes import changes
from macie_inventory.cli.db import db
from macie_inventory.cli.export import export
from macie_inventory.cli.prune import prune
from macie_inventory.cli.query import query, views
from macie_inventory.model import Account, Outcome, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "query.md"


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process, and give its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    for command in (query, views, changes, export):
        if command.name not in app.cli.commands:
            app.cli.add_command(command)
    if "prune" not in db.commands:
        db.add_command(prune)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = app.run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def inventory(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a database of two runs, yesterday's and today's, and make it the default one."""
    monkeypatch.setenv("MACIE_INVENTORY_DATABASE", database_url)
    anyio.run(_fill, database_url)
    return database_url


async def _fill(url: str) -> None:
    soon = timestamp(datetime.now(UTC) + timedelta(days=2))
    paused = {"jobStatus": "USER_PAUSED", "userPausedDetails": {"jobExpiresAt": soon}}
    by_name = {
        "bucketDefinitions": ...,
        "bucketCriteria": {
            "includes": {
                "and": [{"simpleCriterion": {"comparator": "EQ", "key": "S3_BUCKET_NAME", "values": ["invoices"]}}]
            }
        },
    }
    prod, lost = Account(account_id=ACCOUNT, name="Prod | EU"), Account(account_id=ELSEWHERE.account_id, name="Lost")
    denied = harvest(ELSEWHERE, day=20, outcome=Outcome.ROLE_DENIED, error_code="AccessDenied")
    first = harvest(HERE, item("a"), item("p", **paused), item("c", **by_name), day=20)
    await collect(url, 20, first, denied, accounts=[prod, lost])
    now = datetime.now(UTC) - timedelta(hours=1)
    second = harvest(
        HERE,
        *(item("a", lastRunErrorStatus={"code": "ERROR"}), item("p", **paused), item("c", **by_name)),
        finished_at=timestamp(now),
    )
    await collect(url, 21, second, harvest(THERE, finished_at=timestamp(now)), started_at=timestamp(now))


def _commands() -> list[str]:
    return re.findall(r"^```sh\n(macie-inventory .*?)\n```$", HOW_TO.read_text(encoding="utf-8"), flags=re.MULTILINE)


EXPECTED = {
    "failing_jobs": ["Prod | EU", "job a"],
    "expiring_jobs": ["Prod | EU", "job p", "1.9"],
    "coverage_by_account": ["222222222222", "Lost"],
    "coverage_gaps": ["222222222222", "role_denied", "AccessDenied"],
    "changes --since 24h": ["last_run_error_code", "NONE", "ERROR"],
    "changes --since last": ["last_run_error_code", "NONE", "ERROR"],
    "FROM bucket_jobs WHERE": ["job a", "job p"],
    "FROM job_criteria": ["includes", "EQ"],
    "HAVING count": ["invoices", "letters", "2"],
    "--as-of": ["RUNNING", "USER_PAUSED"],
}


def test_the_how_to_page_asks_every_question() -> None:
    """Each expectation below belongs to one command of the page, and each command has one."""
    commands = _commands()
    assert len(commands) == len(EXPECTED)
    for mark in EXPECTED:
        assert sum(mark in command for command in commands) == 1


@pytest.mark.parametrize("mark", EXPECTED)
def test_the_how_to_pages_commands_answer(
    inventory: str, shell: Callable[..., tuple[int, str, str]], mark: str
) -> None:
    """Every command of docs/how-to/query.md runs as it stands there and finds what is to be found."""
    assert inventory
    (command,) = [command for command in _commands() if mark in command]
    code, out, err = shell(*shlex.split(command)[1:])
    assert (code, err) == (0, "")
    assert len(out.splitlines()) >= 3
    for text in EXPECTED[mark]:
        assert text in out


@pytest.mark.usefixtures("inventory")
def test_every_format_holds_the_same_rows(shell: Callable[..., tuple[int, str, str]]) -> None:
    """Table, CSV, JSON, JSON Lines and Markdown say the same."""
    sql = "SELECT account_name, job_id, paused_at, raw FROM current_jobs ORDER BY job_id"
    formats = {form: shell("query", sql, "--format", form)[1] for form in ("table", "csv", "json", "jsonl", "markdown")}
    rows = json.loads(formats["json"])
    assert [(row["account_name"], row["job_id"], row["paused_at"]) for row in rows] == [
        ("Prod | EU", name, None) for name in "acp"
    ]
    assert rows[0]["raw"]["jobId"] == "a"
    assert [json.loads(line) for line in formats["jsonl"].splitlines()] == rows
    parsed = list(csv.DictReader(io.StringIO(formats["csv"])))
    assert [(row["account_name"], row["job_id"]) for row in parsed] == [("Prod | EU", name) for name in "acp"]
    assert formats["table"].splitlines()[2].startswith("Prod | EU")
    assert formats["markdown"].splitlines()[2].startswith("| Prod \\| EU | a |")


@pytest.mark.usefixtures("inventory")
def test_an_empty_answer_is_one_in_every_format(shell: Callable[..., tuple[int, str, str]]) -> None:
    """No rows are no error, and still valid JSON and CSV."""
    sql = "SELECT job_id, name FROM jobs WHERE job_id = 'none'"
    assert shell("query", sql) == (0, "no rows\n", "")
    assert shell("query", sql, "--format", "csv")[1] == "job_id,name\n"
    assert json.loads(shell("query", sql, "--format", "json")[1]) == []
    assert shell("query", sql, "--format", "jsonl")[1] == ""
    assert shell("query", sql, "--format", "markdown")[1].splitlines()[0] == "| job_id | name |"


@pytest.mark.usefixtures("inventory")
def test_a_query_from_a_file_takes_parameters(shell: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """A file holds the query, options give its values."""
    (tmp_path / "q.sql").write_text("-- one job\nSELECT name FROM jobs WHERE job_id = :job;\n")
    code, out, _ = shell("query", "--file", "q.sql", "--param", "job=a", "--format", "csv")
    assert (code, out) == (0, "name\njob a\n")


@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["query"], 2, "there is no question"),
        (["query", "SELECT 1", "--view", "jobs"], 2, "give one of SQL, --view and --file"),
        (["query", "--view", "nothing"], 2, "there is no view 'nothing': `macie-inventory views` lists them"),
        (["query", "--file", "none.sql"], 2, "cannot read none.sql"),
        (["query", "SELECT 1", "--param", "x"], 2, "--param 'x' is no KEY=VALUE"),
        (["query", "DELETE FROM jobs"], 2, "only reading is possible here"),
        (["query", "SELECT * FROM nowhere"], 2, "the database refuses the query"),
        (["query", "--as-of", "someday"], 2, "'someday' is no moment"),
        (["changes", "--since", "someday"], 2, "'someday' is neither a run nor a moment"),
        (["export", "--format", "csv", "--output", "x", "--view", "y"], 2, "there is no view or table 'y'"),
        (["db", "prune"], 2, "nothing to prune: give --older-than"),
    ],
)
def test_mistakes_are_one_line(
    shell: Callable[..., tuple[int, str, str]], arguments: list[str], code: int, said: str
) -> None:
    """A mistake is one line on stderr with the next step, and the exit code of a usage error."""
    got, out, err = shell(*arguments)
    assert (got, out) == (code, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_views_are_listed_with_their_questions(shell: Callable[..., tuple[int, str, str]]) -> None:
    """`views` needs no database."""
    code, out, _ = shell("views")
    assert code == 0
    assert len(out.splitlines()) == 9
    assert "failing_jobs         Which jobs ended their last run in an error?" in out
    assert [view["name"] for view in json.loads(shell("views", "--format", "json")[1])][:2] == [
        "current_jobs",
        "latest_targets",
    ]


@pytest.mark.usefixtures("inventory")
def test_export_says_what_it_wrote(shell: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """Each file is named with its number of rows; several views follow one --view."""
    code, out, _ = shell("export", "--format", "csv", "--output", "out", "--view", "jobs", "coverage_gaps")
    assert (code, out.splitlines()) == (0, ["out/jobs.csv  3 rows", "out/coverage_gaps.csv  1 rows"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["coverage_gaps.csv", "jobs.csv"]


@pytest.mark.usefixtures("inventory")
def test_prune_asks_before_it_deletes(shell: Callable[..., tuple[int, str, str]]) -> None:
    """Without --yes the rows are counted and stay; with it they go."""
    moment = at(21)
    said = "would delete 0 runs, 1 targets, 3 changes, 0 missing jobs; add --yes to do it\n"
    assert shell("db", "prune", "--older-than", moment) == (0, said, "")
    assert shell("db", "prune", "--older-than", moment) == (0, said, "")
    assert shell("db", "prune", "--older-than", moment, "--yes")[1].startswith("deleted 0 runs, 1 targets, 3 changes")
    assert shell("db", "prune", "--older-than", moment)[1].startswith("would delete 0 runs, 0 targets, 0 changes")
