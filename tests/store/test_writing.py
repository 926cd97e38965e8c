"""What harvests do to the tables, on both databases."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.store.material import ACCOUNT, ELSEWHERE, HERE, THERE, at, collect, harvest, item, rows, run_start

from macie_inventory.errors import DatabaseError
from macie_inventory.model import JobCounts, Outcome, RunStatus, Target
from macie_inventory.normalise import read_page
from macie_inventory.store import open_store, parse_database_url

pytestmark = pytest.mark.anyio

CHANGES = "SELECT run_id, job_id, change, field FROM job_changes ORDER BY run_id, job_id, change, field"
JOBS = "SELECT * FROM jobs ORDER BY account_id, region, job_id"


async def test_a_first_run_stores_every_column(database_url: str) -> None:
    """A new job's row holds each member of the item, its ARN and when it was seen."""
    paused = {
        "jobPausedAt": "2026-10-02T00:00:00Z",
        "jobExpiresAt": "2026-11-01T00:00:00+01:00",
        "jobImminentExpirationHealthEventArn": "arn:aws:health:x",
    }
    counts = await collect(
        database_url, 1, harvest(HERE, item("a", userPausedDetails=paused, jobStatus="USER_PAUSED", novel=[1]))
    )
    assert counts == JobCounts(seen=1, appeared=1)
    (row,) = await rows(
        database_url,
        "SELECT account_id, region, job_id, arn, name, job_type, job_status, created_at, last_run_error_code, "
        "paused_at, expires_at, expiration_health_event_arn, bucket_selection, bucket_count, first_seen_at, "
        "last_seen_at, first_seen_run, last_seen_run, missing_since FROM jobs",
    )
    assert row == (
        *(ACCOUNT, "eu-west-1", "a", f"arn:aws:macie2:eu-west-1:{ACCOUNT}:classification-job/a"),
        *("job a", "ONE_TIME", "USER_PAUSED", "2026-10-01T08:00:00.250000Z", "NONE"),
        *("2026-10-02T00:00:00.000000Z", "2026-10-31T23:00:00.000000Z", "arn:aws:health:x"),
        *("definitions", 2, at(1, 2), at(1, 2), "run-01", "run-01", None),
    )
    ((raw,),) = await rows(database_url, "SELECT raw FROM jobs")
    assert json.loads(raw)["novel"] == [1]
    assert await rows(database_url, CHANGES) == [("run-01", "a", "appeared", "")]


async def test_child_rows_hold_buckets_and_criteria(database_url: str) -> None:
    """Each bucket and each value of a criterion is one row, whatever their number."""
    criteria = {
        "includes": {
            "and": [
                {
                    "simpleCriterion": {"comparator": "EQ", "key": "ACCOUNT_ID", "values": ["1", "2"]},
                    "tagCriterion": {"comparator": "NE", "tagValues": [{"key": "k"}, {"value": "v"}]},
                }
            ]
        }
    }
    many = [f"bucket-{number:04}" for number in range(1000)]
    await collect(
        database_url,
        1,
        harvest(
            HERE,
            item("a", bucketDefinitions=[{"accountId": "333333333333", "buckets": many}]),
            item("b", bucketDefinitions=..., bucketCriteria=criteria),
        ),
    )
    buckets = await rows(database_url, "SELECT job_id, bucket_account_id, bucket_name FROM job_buckets ORDER BY 3")
    assert buckets == [("a", "333333333333", name) for name in many]
    found = await rows(
        database_url,
        "SELECT job_id, block, term, kind, item, comparator, key, value FROM job_criteria ORDER BY kind, item",
    )
    assert found == [
        ("b", "includes", 0, "simple", 0, "EQ", "ACCOUNT_ID", "1"),
        ("b", "includes", 0, "simple", 1, "EQ", "ACCOUNT_ID", "2"),
        ("b", "includes", 0, "tag", 0, "NE", "k", None),
        ("b", "includes", 0, "tag", 1, "NE", None, "v"),
    ]


async def test_an_unchanged_target_changes_only_when_it_was_seen(database_url: str) -> None:
    """The same listing again moves last_seen and nothing else, and adds no change."""
    await collect(database_url, 1, harvest(HERE, item("a"), item("b")))
    before = await rows(database_url, JOBS)
    counts = await collect(database_url, 2, harvest(HERE, item("a"), item("b"), day=2))
    after = await rows(database_url, JOBS)
    assert counts == JobCounts(seen=2)
    assert len(await rows(database_url, CHANGES)) == 2
    moved = {at(1, 2): at(2, 2), "run-01": "run-02"}
    for old, new in zip(before, after, strict=True):
        different = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
        assert sorted(different) == sorted(moved.items())


async def test_child_rows_of_an_unchanged_job_are_left_alone(database_url: str) -> None:
    """Unchanged jobs, whether all of a target's or only some, do not have their buckets written again."""
    await collect(database_url, 1, harvest(HERE, item("a"), item("b")))
    await rows(database_url, "DELETE FROM job_buckets")
    await collect(database_url, 2, harvest(HERE, item("a"), item("b"), day=2))
    assert await rows(database_url, "SELECT count(*) FROM job_buckets") == [(0,)]
    await collect(database_url, 3, harvest(HERE, item("a"), item("b", name="new"), day=3))
    assert await rows(database_url, "SELECT DISTINCT job_id FROM job_buckets") == [("b",)]


async def test_another_order_of_keys_is_no_change(database_url: str) -> None:
    """An item whose keys arrive in another order gets a new digest, silently."""
    await collect(database_url, 1, harvest(HERE, item("a")))
    ((digest,),) = await rows(database_url, "SELECT digest FROM jobs")
    counts = await collect(database_url, 2, harvest(HERE, dict(reversed(item("a").items())), day=2))
    assert counts == JobCounts(seen=1)
    assert await rows(database_url, CHANGES) == [("run-01", "a", "appeared", "")]
    ((again,),) = await rows(database_url, "SELECT digest FROM jobs")
    assert again != digest


async def test_each_observable_difference_is_a_row(database_url: str) -> None:
    """A changed job yields one row per column, per kind of bucket selection and per unknown member."""
    await collect(database_url, 1, harvest(HERE, item("a", novel=1, lastRunErrorStatus={"code": "NONE", "why": "x"})))
    changed = item(
        "a",
        jobStatus="COMPLETE",
        name=...,
        bucketDefinitions=[{"accountId": ACCOUNT, "buckets": ["invoices"]}],
        novel={"deep": [1, None]},
        lastRunErrorStatus={"code": "ERROR", "why": "y"},
    )
    assert await collect(database_url, 2, harvest(HERE, changed, day=2)) == JobCounts(seen=1, updated=1)
    found = await rows(
        database_url,
        "SELECT field, old_value, new_value, observed_at FROM job_changes WHERE run_id = 'run-02' ORDER BY field",
    )
    assert [(row[0], _parsed(row[1]), _parsed(row[2])) for row in found] == [
        ("bucket_count", 2, 1),
        (
            "bucket_definitions",
            [{"accountId": ACCOUNT, "buckets": ["invoices", "letters"]}],
            [{"accountId": ACCOUNT, "buckets": ["invoices"]}],
        ),
        ("job_status", "RUNNING", "COMPLETE"),
        ("lastRunErrorStatus", {"why": "x"}, {"why": "y"}),
        ("last_run_error_code", "NONE", "ERROR"),
        ("name", "job a", None),
        ("novel", 1, {"deep": [1, None]}),
    ]
    assert {row[3] for row in found} == {at(2, 2)}
    assert await rows(database_url, "SELECT bucket_name FROM job_buckets") == [("invoices",)]
    assert await rows(database_url, "SELECT first_seen_run, last_seen_run FROM jobs") == [("run-01", "run-02")]


def _parsed(text: str | float | None) -> object:
    return json.loads(text) if isinstance(text, str) and text[:1] in '"[{0123456789' else text


async def test_only_a_collected_target_marks_missing(database_url: str) -> None:
    """A job is missing when its listing was read to the end without it; no other outcome says so."""
    await collect(database_url, 1, harvest(HERE, item("a"), item("b")))
    for day, outcome in enumerate(Outcome, start=2):
        if outcome is not Outcome.COLLECTED:
            await collect(database_url, day, harvest(HERE, item("a"), day=day, outcome=outcome))
    assert await rows(database_url, "SELECT job_id FROM jobs WHERE missing_since IS NOT NULL") == []
    counts = await collect(database_url, 20, harvest(HERE, item("a"), day=20))
    assert counts == JobCounts(seen=1, disappeared=1)
    ((job_id, since, seen),) = await rows(
        database_url, "SELECT job_id, missing_since, last_seen_at FROM jobs WHERE missing_since IS NOT NULL"
    )
    assert (job_id, since, seen) == ("b", at(20, 2), at(1, 2))


async def test_a_filtered_run_marks_nothing_missing(database_url: str) -> None:
    """A run with a filter upserts what it saw and leaves the rest alone."""
    await collect(database_url, 1, harvest(HERE, item("a"), item("b")))
    counts = await collect(
        database_url, 2, harvest(HERE, item("a", jobStatus="IDLE"), day=2), filter_criteria={"includes": []}
    )
    assert counts == JobCounts(seen=1, updated=1)
    assert await rows(database_url, "SELECT job_id FROM jobs WHERE missing_since IS NOT NULL") == []


async def test_a_run_touches_only_its_own_targets(database_url: str) -> None:
    """A run restricted to one region leaves the jobs of the others as they were."""
    await collect(database_url, 1, harvest(HERE, item("a")), harvest(THERE, item("a")), harvest(ELSEWHERE, item("a")))
    await collect(database_url, 2, harvest(HERE, day=2))
    found = await rows(database_url, "SELECT account_id, region, missing_since FROM jobs ORDER BY 1, 2")
    assert found == [
        (ACCOUNT, "eu-west-1", at(2, 2)),
        (ACCOUNT, "us-east-1", None),
        (ELSEWHERE.account_id, "eu-west-1", None),
    ]


async def test_a_job_comes_back(database_url: str) -> None:
    """A job that was missing reappears with its first sight kept, and its changes beside."""
    await collect(database_url, 1, harvest(HERE, item("a"), item("b")))
    await collect(database_url, 2, harvest(HERE, day=2))
    again = harvest(HERE, item("a"), item("b", jobStatus="CANCELLED"), day=3)
    assert await collect(database_url, 3, again) == JobCounts(seen=2, reappeared=2, updated=1)
    assert await rows(database_url, CHANGES + " LIMIT 20") == [
        ("run-01", "a", "appeared", ""),
        ("run-01", "b", "appeared", ""),
        ("run-02", "a", "disappeared", ""),
        ("run-02", "b", "disappeared", ""),
        ("run-03", "a", "reappeared", ""),
        ("run-03", "b", "reappeared", ""),
        ("run-03", "b", "updated", "job_status"),
    ]
    assert await rows(database_url, "SELECT DISTINCT missing_since, first_seen_run, last_seen_run FROM jobs") == [
        (None, "run-01", "run-03")
    ]


async def test_a_missing_job_is_not_missed_twice(database_url: str) -> None:
    """The second run without a job keeps since when it is missing."""
    await collect(database_url, 1, harvest(HERE, item("a")))
    await collect(database_url, 2, harvest(HERE, day=2))
    assert await collect(database_url, 3, harvest(HERE, day=3)) == JobCounts()
    assert await rows(database_url, "SELECT missing_since FROM jobs") == [(at(2, 2),)]
    assert await rows(database_url, "SELECT count(*) FROM job_changes WHERE run_id = 'run-03'") == [(0,)]


async def test_of_a_job_listed_twice_the_last_counts(database_url: str) -> None:
    """A job that moved between two pages is stored once, as it was on the later one."""
    counts = await collect(database_url, 1, harvest(HERE, item("a"), item("a", jobStatus="COMPLETE")))
    assert counts == JobCounts(seen=1, appeared=1)
    assert await rows(database_url, "SELECT job_status FROM jobs") == [("COMPLETE",)]


async def test_the_outcome_of_every_target_is_stored(database_url: str) -> None:
    """An outcome row holds all that the harvest says; a planned target without harvest is not attempted."""
    failed = harvest(
        THERE,
        outcome=Outcome.ACCESS_DENIED,
        error_code="AccessDeniedException",
        error_message="denied\x00 " + "x" * 5000,
        http_status=403,
        request_id="r-1",
    )
    await collect(database_url, 1, harvest(HERE, item("a")), failed, targets=[ELSEWHERE], status=RunStatus.PARTIAL)
    found = await rows(database_url, "SELECT * FROM targets ORDER BY account_id, region")
    assert found == [
        ("run-01", *_key(HERE), "collected", None, None, None, None, 1, 1, 2, 1, 1, at(1, 1), at(1, 2)),
        (
            *("run-01", *_key(THERE), "access_denied", "AccessDeniedException", "denied\ufffd " + "x" * 5000, 403),
            *("r-1", 1, 0, 2, 1, 1, at(1, 1), at(1, 2)),
        ),
        ("run-01", *_key(ELSEWHERE), "not_attempted", None, None, None, None, 0, 0, 0, 0, 0, None, None),
    ]


def _key(target: Target) -> tuple[str, str]:
    return target.account_id, target.region


async def test_values_at_their_limits_survive(database_url: str) -> None:
    """NUL, emoji, quotes, lone surrogates, 5,000 characters and far dates come back as the contract says."""
    name = "\U0001f9ea 'q' \"d\" \\ \t\n %s ? :x " + "n" * 5000
    long_bucket = "".join(chr(0x4E00 + number * 7 % 20000) for number in range(5000))
    strange = item(
        "a",
        name=name + "\x00\ud800",
        jobStatus="FUTURE_STATUS",
        createdAt="1901-02-03T04:05:06.5Z",
        userPausedDetails={"jobExpiresAt": "9999-12-31T23:59:59.999999Z"},
        bucketDefinitions=[{"accountId": ACCOUNT, "buckets": [long_bucket, "\x00"]}],
    )
    await collect(database_url, 1, harvest(HERE, strange))
    await collect(database_url, 2, harvest(HERE, {**strange, "novel": "\x00"}, day=2))
    assert await rows(database_url, "SELECT name, job_status, created_at, expires_at FROM jobs") == [
        (name + "\ufffd\ufffd", "FUTURE_STATUS", "1901-02-03T04:05:06.500000Z", "9999-12-31T23:59:59.999999Z")
    ]
    assert sorted(await rows(database_url, "SELECT bucket_name FROM job_buckets")) == [(long_bucket,), ("\ufffd",)]
    ((value,),) = await rows(database_url, "SELECT new_value FROM job_changes WHERE field = 'novel'")
    assert value.strip('"') == "\ufffd"


async def test_numbers_and_nesting_beyond_reason_are_stored(database_url: str) -> None:
    """A changed job with an integer of 5,000 digits and with deep nesting is stored, and its other changes are seen."""
    monstrous = json.dumps(item("a", deep="DEEP")).replace('"DEEP"', "[" * 900 + "1" + "0" * 5000 + "]" * 900)
    await collect(database_url, 1, harvest(HERE, item("a")))
    (job,) = read_page(f'{{"items": [{monstrous}]}}'.encode())[0]
    changed = replace(harvest(HERE, day=2), jobs=[job])
    assert await collect(database_url, 2, changed) == JobCounts(seen=1, updated=1)
    (again,) = read_page(f'{{"items": [{monstrous.replace("RUNNING", "IDLE")}]}}'.encode())[0]
    assert await collect(database_url, 3, replace(changed, jobs=[again])) == JobCounts(seen=1, updated=1)
    found = await rows(database_url, "SELECT field FROM job_changes WHERE run_id = 'run-03'")
    assert found == [("job_status",)]


async def test_a_transaction_is_whole_or_nothing(database_url: str) -> None:
    """When one row of a batch cannot be stored, nothing of the batch is, and the next one is not hindered."""
    too_large = 2**70  # refused by the last statement of the transaction
    async with open_store(parse_database_url(database_url)) as store:
        await store.begin_run(run_start(1), [], [HERE, THERE])
        with pytest.raises((DatabaseError, OverflowError)):
            await store.write([harvest(HERE, item("a")), harvest(THERE, item("b"), pages=too_large)])
        assert await rows(database_url, "SELECT count(*) FROM jobs") == [(0,)]
        assert await store.write([harvest(HERE, item("a"))]) == JobCounts(seen=1, appeared=1)
        await store.finish_run(RunStatus.PARTIAL, at(1, 30))
    assert await rows(database_url, "SELECT job_id FROM jobs") == [("a",)]
    outcomes = await rows(database_url, "SELECT region, outcome FROM targets ORDER BY region")
    assert outcomes == [("eu-west-1", "collected"), ("us-east-1", "not_attempted")]


async def test_many_targets_share_a_transaction(database_url: str) -> None:
    """A batch of many targets does for each what it would do alone."""
    targets = [Target(f"{number:012}", region) for number in range(30) for region in ("eu-west-1", "us-east-1")]
    batch = [harvest(target, *(item(f"j{place}") for place in range(5))) for target in reversed(targets)]
    assert await collect(database_url, 1, *batch) == JobCounts(seen=300, appeared=300)
    less = [
        harvest(target, *(item(f"j{place}") for place in range(5 if number % 2 else 4)), day=2)
        for number, target in enumerate(targets)
    ]
    assert await collect(database_url, 2, *less) == JobCounts(seen=270, disappeared=30)
    ((children,),) = await rows(database_url, "SELECT count(*) FROM job_buckets")
    assert children == 600
