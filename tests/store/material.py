"""Harvests, runs and rows for the tests of the store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from macie_inventory.model import Harvest, JobCounts, Outcome, RunStart, RunStatus, Target, timestamp
from macie_inventory.normalise import read_page
from macie_inventory.store import open_store, parse_database_url
from macie_inventory.store.engine import create_engine
from macie_inventory.store.operations import execute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from macie_inventory.model import Account, Job

ACCOUNT = "111111111111"
HERE = Target(ACCOUNT, "eu-west-1")
THERE = Target(ACCOUNT, "us-east-1")
ELSEWHERE = Target("222222222222", "eu-west-1")


def at(day: int, second: int = 0) -> str:
    """Give a moment on a day of November 2026."""
    return timestamp(datetime(2026, 11, day, 9, 0, second, tzinfo=UTC))


def item(job_id: str, **members: Any) -> dict[str, Any]:
    """Give a job as AWS sends it; a member given as `...` is left out."""
    job: dict[str, Any] = {
        "bucketDefinitions": [{"accountId": ACCOUNT, "buckets": ["invoices", "letters"]}],
        "createdAt": "2026-10-01T08:00:00.25Z",
        "jobId": job_id,
        "jobStatus": "RUNNING",
        "jobType": "ONE_TIME",
        "lastRunErrorStatus": {"code": "NONE"},
        "name": f"job {job_id}",
    }
    job.update(members)
    return {name: value for name, value in job.items() if value is not ...}


def jobs(*items: Mapping[str, Any]) -> list[Job]:
    """Read jobs as the collector does, from the body of a page."""
    return read_page(json.dumps({"items": items}).encode())[0]


def harvest(target: Target, *items: Mapping[str, Any], day: int = 1, **fields: Any) -> Harvest:
    """Give a harvest of a target, `collected` unless told otherwise."""
    given: dict[str, Any] = {
        "outcome": Outcome.COLLECTED,
        "pages": 1,
        "api_calls": 2,
        "retries": 1,
        "throttles": 1,
        "started_at": at(day, 1),
        "finished_at": at(day, 2),
    }
    return Harvest(target=target, jobs=jobs(*items), **(given | fields))


def run_start(day: int = 1, **fields: Any) -> RunStart:
    """Give the start of the run of a day of November 2026, called `run-DAY`."""
    given: dict[str, Any] = {
        "run_id": f"run-{day:02}",
        "started_at": at(day),
        "tool_version": "0.1.0",
        "caller_arn": "arn:aws:sts::999999999999:assumed-role/Audit/me",
        "partition": "aws",
        "scope": {"regions": ["eu-west-1"]},
    }
    return RunStart(**(given | fields))


async def collect(
    url: str,
    day: int,
    *harvests: Harvest,
    accounts: Sequence[Account] = (),
    targets: Sequence[Target] = (),
    status: RunStatus = RunStatus.COMPLETE,
    **fields: Any,
) -> JobCounts:
    """Do a whole run on a day: begin, write in one transaction, finish."""
    async with open_store(parse_database_url(url)) as store:
        planned = sorted({*targets, *(harvest.target for harvest in harvests)})
        await store.begin_run(run_start(day, **fields), accounts, planned)
        counts = await store.write(harvests)
        await store.finish_run(status, at(day, 30))
    return counts


async def rows(url: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run a statement and give its rows as SQLite would: moments as text, JSON parsed by the test, booleans as 0 and 1."""
    engine = create_engine(parse_database_url(url))
    try:
        async with engine.begin() as connection:
            found = await execute(connection, sql, parameters)
    finally:
        await engine.dispose()
    return [tuple(_plain(value) for value in row) for row in found]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return value
