"""Each view with data in which every branch matters, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.store.material import ACCOUNT, ELSEWHERE, HERE, THERE, at, collect, harvest, item, rows

from macie_inventory.model import Account, Outcome, RunStatus, Target, timestamp
from macie_inventory.store import catalogue, open_store, parse_database_url

pytestmark = pytest.mark.anyio

KNOWN = Account(account_id=ACCOUNT, name="Prod", state="ACTIVE")


async def test_current_jobs_are_those_not_missing(database_url: str) -> None:
    """Missing jobs are left out; jobs of an account that discovery never saw, and of a gap, are listed."""
    await collect(
        database_url,
        1,
        *(harvest(HERE, item("a"), item("gone")), harvest(THERE, item("t")), harvest(ELSEWHERE, item("e"))),
        accounts=[KNOWN],
    )
    await collect(
        database_url, 2, harvest(HERE, item("a"), day=2), harvest(THERE, day=2, outcome=Outcome.ACCESS_DENIED)
    )
    found = await rows(
        database_url, "SELECT account_id, account_name, account_state, region, job_id FROM current_jobs ORDER BY 5"
    )
    assert found == [
        (ACCOUNT, "Prod", "ACTIVE", "eu-west-1", "a"),
        (ELSEWHERE.account_id, None, None, "eu-west-1", "e"),
        (ACCOUNT, "Prod", "ACTIVE", "us-east-1", "t"),
    ]


async def test_latest_targets_are_the_newest_attempts(database_url: str) -> None:
    """What was not attempted hides no older outcome; a resumed old run counts by when it was visited."""
    third, never = Target(ACCOUNT, "eu-west-2"), Target(ACCOUNT, "eu-west-3")
    denied: dict[str, Any] = {
        "outcome": Outcome.ACCESS_DENIED,
        "error_code": "AccessDeniedException",
        "error_message": "no",
    }
    await collect(
        database_url,
        1,
        *(harvest(HERE, item("a")), harvest(THERE, **denied), harvest(third, outcome=Outcome.MACIE_DISABLED)),
        targets=[never, ELSEWHERE],
        accounts=[KNOWN],
        status=RunStatus.PARTIAL,
    )
    newer = [harvest(THERE, item("t"), day=2), harvest(third, day=2, **denied)]
    await collect(database_url, 2, *newer, targets=[HERE, never], status=RunStatus.INTERRUPTED)
    async with open_store(parse_database_url(database_url)) as store:
        await store.resume_run("run-01")
        await store.write([harvest(THERE, day=3, **denied), harvest(ELSEWHERE, day=3, outcome=Outcome.REGION_DISABLED)])
        await store.finish_run(RunStatus.PARTIAL, at(3, 30))
    found = await rows(
        database_url,
        "SELECT account_id, account_name, region, run_id, outcome, covered, last_covered_at, error_code, jobs, finished_at "
        "FROM latest_targets ORDER BY account_id, region",
    )
    assert found == [
        (ACCOUNT, "Prod", "eu-west-1", "run-01", "collected", 1, at(1, 2), None, 1, at(1, 2)),
        (ACCOUNT, "Prod", "eu-west-2", "run-02", "access_denied", 0, at(1, 2), "AccessDeniedException", 0, at(2, 2)),
        (ACCOUNT, "Prod", "eu-west-3", "run-02", "not_attempted", 0, None, None, 0, None),
        (ACCOUNT, "Prod", "us-east-1", "run-01", "access_denied", 0, at(2, 2), "AccessDeniedException", 0, at(3, 2)),
        (ELSEWHERE.account_id, None, "eu-west-1", "run-01", "region_disabled", 1, at(3, 2), None, 0, at(3, 2)),
    ]
    gaps = await rows(
        database_url, "SELECT region, outcome, error_message, last_covered_at FROM coverage_gaps ORDER BY region"
    )
    assert gaps == [
        ("eu-west-2", "access_denied", "no", at(1, 2)),
        ("eu-west-3", "not_attempted", None, None),
        ("us-east-1", "access_denied", "no", at(2, 2)),
    ]
    accounts = await rows(database_url, "SELECT * FROM coverage_by_account ORDER BY account_id")
    assert accounts == [
        (ACCOUNT, "Prod", "ACTIVE", 4, 1, at(2, 2), None),
        (ELSEWHERE.account_id, None, None, 1, 1, at(3, 2), at(3, 2)),
    ]


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_coverage_agrees_with_the_model(database_url: str, outcome: Outcome) -> None:
    """The views count exactly those outcomes as covered that the program does."""
    await collect(database_url, 1, harvest(HERE, outcome=outcome), accounts=[Account(account_id=ELSEWHERE.account_id)])
    covered = await rows(database_url, "SELECT covered FROM latest_targets")
    assert covered == [(int(outcome.covered),)]
    gaps = await rows(database_url, "SELECT outcome FROM coverage_gaps")
    assert gaps == ([] if outcome.covered else [(str(outcome),)])
    when = at(1, 2) if outcome.covered else None
    assert await rows(database_url, "SELECT * FROM coverage_by_account ORDER BY account_id") == [
        (ACCOUNT, None, None, 1, int(outcome.covered), when, when),
        (ELSEWHERE.account_id, None, None, 0, 0, None, None),
    ]
    async with open_store(parse_database_url(database_url), readonly=True) as store:
        summary = await store.summary("last")
    assert summary.targets_covered == int(outcome.covered)
    assert summary.targets_failed == int(not outcome.covered and outcome is not Outcome.NOT_ATTEMPTED)


async def test_failing_jobs_ended_in_an_error(database_url: str) -> None:
    """Jobs without an error, without a status and missing ones are left out."""
    error = {"lastRunErrorStatus": {"code": "ERROR"}}
    unknown = item("n", lastRunErrorStatus=...)
    await collect(
        database_url, 1, harvest(HERE, item("a", **error), item("ok"), unknown, item("gone", **error)), accounts=[KNOWN]
    )
    await collect(database_url, 2, harvest(HERE, item("a", **error), item("ok"), unknown, day=2))
    found = await rows(database_url, "SELECT account_name, region, job_id, last_run_error_code FROM failing_jobs")
    assert found == [("Prod", "eu-west-1", "a", "ERROR")]


async def test_expiring_jobs_count_the_days_left(database_url: str) -> None:
    """Days are left with their fraction, negative when past, null when Macie names no day; others are left out."""

    def paused(job_id: str, days: float | None, **members: Any) -> dict[str, Any]:
        end = {} if days is None else {"jobExpiresAt": timestamp(datetime.now(UTC) + timedelta(days=days))}
        return item(job_id, **({"jobStatus": "USER_PAUSED", "userPausedDetails": end} | members))

    await collect(
        database_url,
        1,
        harvest(
            HERE,
            paused("soon", 2.5),
            paused("past", -1.25),
            paused("open", None),
            paused("on", 2, jobStatus="IDLE"),
            paused("gone", 3),
        ),
        accounts=[KNOWN],
    )
    ((gone,),) = await rows(database_url, "SELECT count(*) FROM expiring_jobs WHERE job_id = 'gone'")
    assert gone == 1
    await rows(database_url, "UPDATE jobs SET missing_since = last_seen_at WHERE job_id = 'gone'")
    found = await rows(database_url, "SELECT job_id, account_name, days_left FROM expiring_jobs ORDER BY job_id")
    assert [row[:2] for row in found] == [("open", "Prod"), ("past", "Prod"), ("soon", "Prod")]
    assert found[0][2] is None
    assert found[1][2] == pytest.approx(-1.25, abs=0.01)
    assert found[2][2] == pytest.approx(2.5, abs=0.01)


async def test_job_status_counts_group_what_is_there(database_url: str) -> None:
    """Jobs are counted by account, region, type and status, nulls included and missing ones not."""
    first = harvest(HERE, item("a"), item("b"), item("c", jobStatus=...), item("d", jobType="SCHEDULED"), item("gone"))
    await collect(database_url, 1, first, harvest(ELSEWHERE, item("e")), accounts=[KNOWN])
    again = harvest(HERE, item("a"), item("b"), item("c", jobStatus=...), item("d", jobType="SCHEDULED"), day=2)
    await collect(database_url, 2, again)
    found = await rows(
        database_url,
        "SELECT account_name, region, job_type, job_status, jobs FROM job_status_counts "
        "ORDER BY account_id, job_type, coalesce(job_status, '')",
    )
    assert found == [
        ("Prod", "eu-west-1", "ONE_TIME", None, 1),
        ("Prod", "eu-west-1", "ONE_TIME", "RUNNING", 2),
        ("Prod", "eu-west-1", "SCHEDULED", "RUNNING", 1),
        (None, "eu-west-1", "ONE_TIME", "RUNNING", 1),
    ]


async def test_bucket_jobs_name_the_buckets_of_current_jobs(database_url: str) -> None:
    """One row per bucket and job, foreign buckets included, missing jobs and jobs by criteria not."""
    foreign = item("f", bucketDefinitions=[{"accountId": "999999999999", "buckets": ["theirs"]}])
    by_criteria = item("c", bucketDefinitions=..., bucketCriteria={"includes": {"and": []}})
    await collect(database_url, 1, harvest(HERE, item("a"), foreign, by_criteria, item("gone")), accounts=[KNOWN])
    await collect(database_url, 2, harvest(HERE, item("a"), foreign, by_criteria, day=2))
    found = await rows(
        database_url,
        "SELECT bucket_name, bucket_account_id, account_id, account_name, job_id FROM bucket_jobs ORDER BY 1",
    )
    assert found == [
        ("invoices", ACCOUNT, ACCOUNT, "Prod", "a"),
        ("letters", ACCOUNT, ACCOUNT, "Prod", "a"),
        ("theirs", "999999999999", ACCOUNT, "Prod", "f"),
    ]


async def test_recent_changes_come_newest_first(database_url: str) -> None:
    """Changes carry the names of account and job, and those of missing jobs and unknown accounts are listed too."""
    await collect(database_url, 1, harvest(HERE, item("a")), harvest(ELSEWHERE, item("e")), accounts=[KNOWN])
    await collect(database_url, 2, harvest(HERE, item("a", name="new name"), day=2), harvest(ELSEWHERE, day=2))
    found = await rows(
        database_url, "SELECT observed_at, account_name, job_id, job_name, change, field FROM recent_changes"
    )
    assert found == [
        (at(2, 2), "Prod", "a", "new name", "updated", "name"),
        (at(2, 2), None, "e", "job e", "disappeared", ""),
        (at(1, 2), "Prod", "a", "new name", "appeared", ""),
        (at(1, 2), None, "e", "job e", "appeared", ""),
    ]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_every_view_states_its_question(dialect: str) -> None:
    """The nine views of the contract are there, and each file begins with the question that it answers."""
    for view in catalogue.views(dialect):
        assert "?" in view.question
        assert view.select.upper().startswith(("SELECT", "WITH"))
    assert {view.name for view in catalogue.views(dialect)} == {
        *("current_jobs", "latest_targets", "coverage_gaps", "coverage_by_account", "failing_jobs"),
        *("expiring_jobs", "job_status_counts", "bucket_jobs", "recent_changes"),
    }
