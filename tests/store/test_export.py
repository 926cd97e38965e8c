"""Exports: whole files, read back by DuckDB with their moments, nulls, texts and types right."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.material import ACCOUNT, HERE, THERE, at, collect, harvest, item

from macie_inventory.errors import ConfigurationError, UsageError
from macie_inventory.model import Account, Outcome
from macie_inventory.store import EXPORTABLE, csv_line, export, parse_database_url
from macie_inventory.store.columns import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from macie_inventory.store.exports import Format

pytestmark = pytest.mark.anyio

STRANGE = 'a "quoted", \n two-line | name\r with é and \U0001f9ea'
FORMATS = {
    "csv": "read_csv(?, all_varchar = true, header = true)",
    "jsonl": "read_json(?)",
    "parquet": "read_parquet(?)",
}


async def _database(url: str) -> None:
    paused = {"jobStatus": "USER_PAUSED", "userPausedDetails": {"jobExpiresAt": "2026-11-03T00:00:00.123456Z"}}
    await collect(
        url,
        1,
        harvest(
            HERE, item("1", name=STRANGE, **paused), item("2", name="", novel={"x": [1, None]}), item("3", name=...)
        ),
        harvest(THERE, outcome=Outcome.ACCESS_DENIED, error_code="X"),
        accounts=[Account(account_id=ACCOUNT, name="NA", tags={"k": "v"}, is_management=True)],
    )


def _read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    source = FORMATS[path.suffix[1:]]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql.format(source=source), [str(path)]).fetchall()


@pytest.mark.parametrize("form", FORMATS)
async def test_what_is_exported_is_read_back(database_url: str, tmp_path: Path, form: Format) -> None:
    """Names of any characters, empty texts, nulls and moments come back as they are in the database."""
    await _database(database_url)
    (exported,) = await export(parse_database_url(database_url), tmp_path / "out", form, ["current_jobs"])
    assert (exported.path, exported.rows) == (tmp_path / "out" / f"current_jobs.{form}", 3)
    found = _read(
        exported.path,
        "SELECT account_id, account_name, name, epoch_us(expires_at::TIMESTAMPTZ), expires_at IS NULL, "
        "bucket_count::INTEGER FROM {source} ORDER BY job_id",
    )
    # An unquoted nothing is a null; DuckDB takes a quoted one for the empty text that it is only in Parquet and JSON.
    empty = found[1][2] or ""
    assert [(*row[:2], *row[3:]) for row in found] == [
        (ACCOUNT, "NA", 1793664000123456, False, 2),
        (ACCOUNT, "NA", None, True, 2),
        (ACCOUNT, "NA", None, True, 2),
    ]
    assert [found[0][2], empty, found[2][2]] == [STRANGE, "", None]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
async def test_columns_keep_their_types(database_url: str, tmp_path: Path, form: Format) -> None:
    """Booleans, numbers and moments are no texts, on both databases and in every view."""
    await _database(database_url)
    await export(parse_database_url(database_url), tmp_path, form)
    latest = _read(tmp_path / f"latest_targets.{form}", "SELECT region, covered, jobs FROM {source} ORDER BY region")
    assert latest == [("eu-west-1", True, 3), ("us-east-1", False, 0)]
    by_account = _read(tmp_path / f"coverage_by_account.{form}", "SELECT targets, covered FROM {source}")
    assert by_account == [(2, 1)]
    ((days,),) = _read(tmp_path / f"expiring_jobs.{form}", "SELECT days_left FROM {source}")
    assert isinstance(days, float)
    ((kind,),) = _read(
        tmp_path / f"recent_changes.{form}", "SELECT DISTINCT typeof(observed_at::TIMESTAMPTZ) FROM {source}"
    )
    assert kind == "TIMESTAMP WITH TIME ZONE"


async def test_json_lines_hold_json_as_values(database_url: str, tmp_path: Path) -> None:
    """Columns of JSON are values in JSON Lines, not texts of JSON."""
    await _database(database_url)
    await export(parse_database_url(database_url), tmp_path, "jsonl", ["accounts", "jobs"])
    (account,) = map(json.loads, (tmp_path / "accounts.jsonl").read_text().splitlines())
    assert (account["tags"], account["is_management"], account["first_seen_at"]) == ({"k": "v"}, True, at(1))
    jobs = [json.loads(line) for line in (tmp_path / "jobs.jsonl").read_text().splitlines()]
    assert {job["raw"]["jobId"]: job["raw"].get("novel") for job in jobs} == {
        "1": None,
        "2": {"x": [1, None]},
        "3": None,
    }


async def test_every_view_is_exported_by_default(sqlite_url: str, tmp_path: Path) -> None:
    """Without names all views are written, empty ones with their columns, and nothing else is left in the folder."""
    await collect(sqlite_url, 1)
    for form in ("csv", "jsonl", "parquet"):
        folder = tmp_path / form
        written = await export(parse_database_url(sqlite_url), folder, form)
        assert sorted(path.name for path in folder.iterdir()) == sorted(one.path.name for one in written)
        assert len(written) == 9
    assert (tmp_path / "csv" / "coverage_gaps.csv").read_text().startswith("account_id,account_name,")
    assert _read(tmp_path / "parquet" / "coverage_gaps.parquet", "SELECT count(*) FROM {source}") == [(0,)]


async def test_a_file_is_replaced_only_by_a_whole_one(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When an export fails half-way the old file stays, and no unfinished one does."""
    await _database(sqlite_url)
    url, file = parse_database_url(sqlite_url), tmp_path / "out" / "jobs.csv"
    file.parent.mkdir()
    file.write_text("old")

    written: list[object] = []

    def fail_at_the_second_row(values: Sequence[object]) -> str:
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(values)
        return csv_line(values)

    with monkeypatch.context() as patch:
        patch.setattr("macie_inventory.store.exports.csv_line", fail_at_the_second_row)
        with pytest.raises(ConfigurationError, match=r"cannot write to .*out: No space left on device"):
            await export(url, file.parent, "csv", ["jobs"])
    assert file.read_text() == "old"
    assert [path.name for path in file.parent.iterdir()] == ["jobs.csv"]
    await export(url, file.parent, "csv", ["jobs"])
    assert len(file.read_text()) > 100


async def test_what_cannot_be_exported_is_named(sqlite_url: str, tmp_path: Path) -> None:
    """An unknown view and a folder that is a file are refused with the next step."""
    await collect(sqlite_url, 1)
    url = parse_database_url(sqlite_url)
    with pytest.raises(UsageError, match="no view or table 'leases': choose from current_jobs"):
        await export(url, tmp_path, "csv", ["leases"])
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot write to"):
        await export(url, tmp_path / "file", "csv")


def test_parquet_without_its_extra_is_named() -> None:
    """Where pyarrow is not installed, the message says how to install it."""
    script = (
        "import sys, anyio; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path\n"
        "from macie_inventory.store import export, parse_database_url\n"
        "from macie_inventory.errors import ConfigurationError\n"
        "try: anyio.run(export, parse_database_url('sqlite:///x.db'), Path('.'), 'parquet')\n"
        "except ConfigurationError as error: print(error)\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert said.stdout == "Parquet needs an extra: pip install 'macie-inventory[parquet]'\n"


@given(st.lists(st.one_of(st.none(), st.text(alphabet='a", \n\r\té|', max_size=5)), min_size=1, max_size=4))
def test_a_line_of_csv_is_what_the_standard_library_reads(values: list[str | None]) -> None:
    """Every text is read back by another reader; a null and an empty text are both nothing to it."""
    line = csv_line(values)
    assert list(csv.reader(io.StringIO(line, newline=""), strict=True)) == [[value or "" for value in values]]


def test_names_mean_the_same_everywhere() -> None:
    """The kinds of columns are known by their names."""
    kinds = {
        name: kind_of(name) for name in ("created_at", "raw", "jobs", "is_management", "days_left", "name", "other")
    }
    assert kinds == {
        "created_at": "moment",
        "raw": "json",
        "jobs": "integer",
        "is_management": "boolean",
        "days_left": "number",
        "name": "text",
        "other": "text",
    }
    assert "runs" in EXPORTABLE
