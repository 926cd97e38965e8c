"""Whatever AWS sends survives the way into SQL and back, on both databases."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.store.material import rows
from tests.support.line import aws_environment, quick_limits

from macie_inventory.config import Scope
from macie_inventory.pipeline.collect import collect
from macie_inventory.simulator import Fault, FaultKind, FaultPlan, Rule, World, generate_world, serve

if TYPE_CHECKING:
    from macie_inventory.store import RunSummary

pytestmark = pytest.mark.anyio

REGION = "eu-west-1"
HOSTILE_TEXTS = [
    "",
    " ",
    "x" * 5000,
    "Ω" * 5000,
    "a\x00b\x00",
    "\x00",
    "\ud800",
    "\udfff tail",
    "\ud83d\ude00 two halves",
    "👩‍👩‍👧‍👦🇪🇺",
    "'); DROP TABLE jobs; --",
    '"quoted" \\backslash\\ %s %(name)s :name ? $1 {x}',
    "\\u0000 as text, \\ud800 too",
    "line\nbreak\r\ttab\x1b[31m\x7f",
    "\u202eright to left\u2066",
    "\ufeffmark",
    "\ufffd\ufffe\uffff",
    "NULL",
    "null",
    "[1, 2]",
]
DATES = {
    "1969-12-31T23:59:59.999Z": "1969-12-31T23:59:59.999000Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000000Z",
    "1900-02-28T12:00:00+14:00": "1900-02-27T22:00:00.000000Z",
    "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-12:00": None,
    "10000-01-01T00:00:00Z": None,
    "2026-02-30T00:00:00Z": None,
    "yesterday": None,
    "": None,
}


def hostile_jobs() -> list[dict[str, Any]]:
    """Give jobs with everything that nobody expects."""
    jobs: list[dict[str, Any]] = [
        {"name": text, "jobStatus": text, "jobType": text, "lastRunErrorStatus": {"code": text}, text: text}
        for text in HOSTILE_TEXTS
    ]
    jobs += [{"createdAt": date, "userPausedDetails": {"jobExpiresAt": date, "jobPausedAt": date}} for date in DATES]
    jobs += [
        {},
        dict.fromkeys(("name", "jobStatus", "jobType", "createdAt", "bucketDefinitions", "bucketCriteria")),
        {"name": 5, "jobStatus": True, "jobType": ["x"], "createdAt": {}, "lastRunErrorStatus": "ERROR"},
        {"jobStatus": "QUANTUM", "jobType": "SOMETIMES", "brandNew": {"deep": [{"er": [None, 1.5, 10**30, -0.0]}]}},
        {"bucketDefinitions": [{"accountId": "1" * 12, "buckets": [f"bucket-{n}" for n in range(1000)]}]},
        {"bucketDefinitions": [{"accountId": text, "buckets": [text, text, "b"]} for text in HOSTILE_TEXTS]},
        {"bucketDefinitions": "none", "bucketCriteria": []},
        {"bucketDefinitions": [None, {}, {"buckets": None}, {"accountId": None, "buckets": [None, 7]}]},
        {"bucketCriteria": {"includes": {"and": [criterion(text) for text in HOSTILE_TEXTS]}, "excludes": None}},
        {"bucketCriteria": {"includes": {"and": [None, {}, {"simpleCriterion": {}}, {"tagCriterion": {}}]}}},
    ]
    return [{"jobId": f"job-{number:03}", **job} for number, job in enumerate(jobs)]


def criterion(text: str) -> dict[str, Any]:
    """Give an element of `and` with both kinds of criterion, full of a text."""
    return {
        "simpleCriterion": {"comparator": text, "key": text, "values": [text, ""]},
        "tagCriterion": {"comparator": text, "tagValues": [{"key": text, "value": text}, {}]},
    }


def hostile_world() -> World:
    """Give two accounts, in one of them hostile jobs and jobs whose ids are hostile."""
    world = generate_world(accounts=2, regions=(REGION,), jobs=0, seed=47)
    account = next(account for account in world.accounts if account != world.caller_account_id)
    odd = [{"jobId": f"odd {number} {text}", "name": text} for number, text in enumerate(HOSTILE_TEXTS)]
    world.jobs[account, REGION] = [*hostile_jobs(), *odd]
    world.accounts[account] = replace(world.accounts[account], name="\x00 'Robert' \ud800 👾" + "n" * 500)
    return world


def held(value: Any, *, raw: bool = False) -> Any:  # noqa: ANN401 - any JSON value
    """Give a value as a database can hold it; `raw` text in SQLite holds everything."""
    if raw:
        return value
    if isinstance(value, str):
        whole = value.replace("\ud83d\ude00", "😀")  # JSON's own way to write one character
        return "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in whole)
    if isinstance(value, list):
        return [held(item) for item in value]
    if isinstance(value, dict):
        return {held(name): held(item) for name, item in value.items()}
    return value


async def run(world: World, url: str, *, page_size: int = 200) -> RunSummary:
    """Collect everything; the run has to be complete."""
    async with serve(world) as simulator:
        with aws_environment(simulator):
            scope = Scope(region=(REGION,), page_size=page_size)
            summary, gaps = await collect(scope, database=url, limits=quick_limits())
    assert not gaps
    assert summary.status == "complete"
    return summary


async def check_stored(world: World, url: str) -> None:
    """Check every column, child row and `raw` against what was served."""
    served = {held(job.job_id): json.loads(job.body) for jobs in world.truth().values() for job in jobs}
    columns = "job_id, name, job_type, job_status, created_at, paused_at, expires_at, last_run_error_code, raw"
    stored = {row[0]: row for row in await rows(url, f"SELECT {columns} FROM jobs WHERE missing_since IS NULL")}
    assert stored.keys() == served.keys()
    for job_id, (_, name, kind, status, created, paused, expires, code, raw) in stored.items():
        item = served[job_id]
        assert json.loads(raw) == held(item, raw=url.startswith("sqlite"))
        for text, member in ((name, "name"), (kind, "jobType"), (status, "jobStatus")):
            wanted = item.get(member)
            assert text == (held(wanted) if wanted is None or isinstance(wanted, str) else json.dumps(wanted))
        health = item.get("lastRunErrorStatus")
        assert code == (held(health["code"]) if isinstance(health, dict) else None)
        date = item.get("createdAt")
        assert {created, paused, expires} == {DATES[date] if isinstance(date, str) else None}
        await check_children(url, job_id, item)


async def check_children(url: str, job_id: str, item: dict[str, Any]) -> None:
    """Check the rows of buckets and criteria of one job, counted and taken by hand."""
    definitions = item.get("bucketDefinitions")
    pairs = set()
    for definition in definitions if isinstance(definitions, list) else []:
        for bucket in (definition or {}).get("buckets") or []:
            shown = "" if bucket is None else str(bucket)
            pairs.add((held((definition or {}).get("accountId") or ""), held(shown)))
    found = await rows(url, "SELECT bucket_account_id, bucket_name FROM job_buckets WHERE job_id = ?", job_id)
    assert set(found) == pairs
    assert len(found) == len(pairs)
    criteria = item.get("bucketCriteria")
    elements = ((criteria or {}).get("includes") or {}).get("and") or [] if isinstance(criteria, dict) else []
    expected = 0
    for element in filter(None, elements):
        expected += len(element["simpleCriterion"].get("values") or [0]) if "simpleCriterion" in element else 0
        expected += len(element["tagCriterion"].get("tagValues") or [0]) if "tagCriterion" in element else 0
    assert await rows(url, "SELECT count(*) FROM job_criteria WHERE job_id = ?", job_id) == [(expected,)]


async def test_hostile_jobs_are_stored_and_come_back(database_url: str) -> None:
    """Texts, dates, types, absences and lists that nobody expects are stored as sent, or as near as the database can."""
    world = hostile_world()
    summary = await run(world, database_url)
    await check_stored(world, database_url)
    jobs = len(HOSTILE_TEXTS) + len(hostile_jobs())
    assert (summary.jobs_seen, summary.jobs_appeared) == (jobs, jobs)
    names = await rows(database_url, "SELECT name FROM accounts WHERE NOT is_management")
    assert names == [("\ufffd 'Robert' \ufffd 👾" + "n" * 500,)]


async def test_hostile_jobs_that_did_not_change_are_unchanged(database_url: str) -> None:
    """Seeing the same again is no change, however odd it is, and whatever the size of a page."""
    world = hostile_world()
    await run(world, database_url)
    summary = await run(world, database_url, page_size=7)
    assert (summary.jobs_appeared, summary.jobs_changed, summary.jobs_disappeared) == (0, 0, 0)


async def test_hostile_changes_are_recorded(database_url: str) -> None:
    """A change from one odd value to another is recorded with both, as JSON that can be read."""
    world = hostile_world()
    (account, _) = next(target for target, jobs in world.truth().items() if jobs)
    await run(world, database_url)
    expected = {}
    for number, text in enumerate(HOSTILE_TEXTS):
        job_id, other = f"odd {number} {text}", HOSTILE_TEXTS[number - 1]
        world.mutate.change_job(account, REGION, job_id, name=other)
        if held(text) != held(other):
            expected[held(job_id)] = ("name", held(text), held(other))
    summary = await run(world, database_url)
    await check_stored(world, database_url)
    changes = await rows(
        database_url,
        "SELECT job_id, field, CAST(old_value AS text), CAST(new_value AS text) FROM job_changes WHERE change = 'updated'",
    )
    assert {job_id: (field, json.loads(old), json.loads(new)) for job_id, field, old, new in changes} == expected
    assert summary.jobs_changed == len(expected)


@pytest.mark.parametrize(
    ("asked", "most", "jobs"), [(1, 200, 30), (7, 200, 30), (200, 1, 30), (200, 3, 200), (200, 200, 3000)]
)
async def test_pages_of_any_size(asked: int, most: int, jobs: int, sqlite_url: str) -> None:
    """Whatever page size is asked for, and however little or much the service gives, every job is stored."""
    world = generate_world(accounts=2, regions=(REGION,), jobs=jobs, seed=47)
    world.max_page_size = most
    summary = await run(world, sqlite_url, page_size=asked)
    assert summary.jobs_seen == 2 * jobs
    assert summary.api_calls == 2 * -(-jobs // min(asked, most))
    assert await rows(sqlite_url, "SELECT count(*) FROM jobs") == [(2 * jobs,)]


@pytest.mark.parametrize("text", ["\x00", "\ud800", "e" * 100_000, "'; --\n\r"], ids=["NUL", "half", "long", "quotes"])
async def test_hostile_error_messages_are_stored(text: str, database_url: str) -> None:
    """What AWS says while it refuses may be as odd as anything else."""
    world = generate_world(accounts=2, regions=(REGION,), jobs=1, seed=47)
    fault = Fault(kind=FaultKind.ERROR, status=403, code="AccessDeniedException", message=f"no: {text}")
    async with serve(world, faults=FaultPlan(rules=(Rule(fault=fault, service="macie2"),))) as simulator:
        with aws_environment(simulator):
            summary, gaps = await collect(Scope(region=(REGION,)), database=database_url, limits=quick_limits())
    assert summary.status == "partial"
    assert {gap.error_message for gap in gaps} == {
        held(f"no: {text}").rstrip() if text.strip() else held(f"no: {text}")
    }
