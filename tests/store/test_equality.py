"""The same harvests make the same tables in SQLite and in PostgreSQL, and neither keeps a connection."""

from __future__ import annotations

import json
import uuid
from typing import Any

import anyio
import psycopg
import pytest
from tests.store.material import ACCOUNT, ELSEWHERE, HERE, THERE, collect, harvest, item, rows, run_start

from macie_inventory.errors import UsageError
from macie_inventory.model import Account, Outcome, RunStatus
from macie_inventory.store import open_query, open_store, parse_database_url
from macie_inventory.store.catalogue import VIEW_NAMES
from macie_inventory.store.schema import metadata

pytestmark = pytest.mark.anyio

CRITERIA = {
    "bucketDefinitions": ...,
    "bucketCriteria": {
        "excludes": {
            "and": [
                {"tagCriterion": {"comparator": "NE", "tagValues": [{"key": "k", "value": None}, {"value": "v"}]}},
                {"simpleCriterion": {"comparator": "EQ", "key": "S3_BUCKET_NAME", "values": ["x", "y"]}, "new": 1},
                {"simpleCriterion": {"comparator": "EQ", "key": "ACCOUNT_ID"}},
            ]
        }
    },
}
# Two values differ by nature: `raw` (jsonb has an order of its own), and how long is left until now moves on.
NOT_COMPARED = {"days_left"}


async def _history(url: str) -> None:
    paused = {"userPausedDetails": {"jobPausedAt": 1_760_000_000, "jobExpiresAt": "2026-12-01T00:00:00.123456789Z"}}
    strange = item("s", name='\U0001f9ea "q"\\ \x00 \ud800', novel={"b": [1, 2.5, None], "a": "\x00"}, jobStatus="NEW")
    accounts = [Account(account_id=ACCOUNT, name="Prod", tags={"b": "1", "a": "2"}, is_management=False)]
    failed: dict[str, Any] = {
        "outcome": Outcome.FAILED,
        "error_code": "X",
        "error_message": "é\n" * 2000,
        "http_status": 500,
    }
    await collect(
        url, 1, harvest(HERE, item("a"), item("c", **CRITERIA), strange), harvest(THERE, **failed), accounts=accounts
    )
    await collect(
        url, 2, harvest(HERE, item("a", **paused), item("c"), day=2), targets=[ELSEWHERE], status=RunStatus.PARTIAL
    )
    again = harvest(
        HERE, item("a", name=..., createdAt="no date"), item("c", **CRITERIA), {**strange, "novel": {"a": 1}}, day=3
    )
    await collect(url, 3, again, harvest(ELSEWHERE, item("e", lastRunErrorStatus={"code": "ERROR"}), day=3))


async def _table(url: str, name: str) -> list[tuple[str, ...]]:
    columns = [column for column in await _columns(url, name) if column not in NOT_COMPARED]
    found = await rows(url, f"SELECT {', '.join(columns)} FROM {name}")
    return sorted(
        tuple(_comparable(column, value) for column, value in zip(columns, row, strict=True)) for row in found
    )


async def _columns(url: str, name: str) -> list[str]:
    if url.startswith("sqlite"):
        return [row[1] for row in await rows(url, f"PRAGMA table_info({name})")]
    sql = "SELECT attname FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0 ORDER BY attnum"
    return [row[0] for row in await rows(url, sql, name)]


def _comparable(column: str, value: object) -> str:
    if column in ("raw", "scope", "tags", "old_value", "new_value") and value is not None:
        # PostgreSQL's driver has parsed it; a parsed text is a text again.
        parsed = _parsed(value)
        return json.dumps(parsed, sort_keys=True).replace("\\u0000", "\\ufffd").replace("\\ud800", "\\ufffd")
    return repr(value)


def _parsed(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


@pytest.mark.parametrize("name", [*metadata.tables, *VIEW_NAMES])
async def test_tables_and_views_are_equal(sqlite_url: str, postgres_url: str, name: str) -> None:
    """Row by row and column by column, both databases hold the same after the same runs."""
    await _history(sqlite_url)
    await _history(postgres_url)
    assert await _columns(sqlite_url, name) == await _columns(postgres_url, name)
    in_sqlite = await _table(sqlite_url, name)
    assert in_sqlite == await _table(postgres_url, name)
    assert in_sqlite or name in ("leases", "expiring_jobs")


async def test_no_connection_is_kept(postgres_url: str) -> None:
    """After runs, readings and failures, the server knows no connection of ours any more."""
    name = f"kept_{uuid.uuid4().hex}"
    url = f"{postgres_url}&application_name={name}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:

        def connections() -> int:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", (name,)
            ).fetchone()
            assert row is not None
            return int(row[0])

        async with open_store(url) as store:
            await store.begin_run(run_start(9), [], [HERE])
            assert connections() == 1
        await _history(url)
        with pytest.raises(UsageError):
            async with open_query(parse_database_url(url), "SELECT nothing"):
                pass
        with anyio.fail_after(5):
            while connections():  # noqa: ASYNC110 - the server ends its processes in its own time
                await anyio.sleep(0.02)
