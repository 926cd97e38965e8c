"""How a run begins, ends, is read back and is resumed, on both databases."""

from __future__ import annotations

import time

import pytest
from tests.store.material import ACCOUNT, ELSEWHERE, HERE, THERE, at, collect, harvest, item, rows, run_start

from macie_inventory.errors import ConfigurationError, UsageError
from macie_inventory.model import Account, JobCounts, Outcome, RunStatus, Target
from macie_inventory.store import Gap, open_store, parse_database_url

pytestmark = pytest.mark.anyio


async def test_the_plan_is_stored_at_the_beginning(database_url: str) -> None:
    """Before anything is visited, every target has its row and the run says `running`."""
    async with open_store(parse_database_url(database_url)) as store:
        await store.begin_run(run_start(1), [], [HERE, THERE])
        found = await rows(database_url, "SELECT run_id, region, outcome FROM targets ORDER BY region")
        assert found == [("run-01", "eu-west-1", "not_attempted"), ("run-01", "us-east-1", "not_attempted")]
        summary = await store.summary("last")
        assert (summary.status, summary.targets_total, summary.targets_covered) == (RunStatus.RUNNING, 2, 0)
        await store.write([harvest(HERE, item("a"))])
        summary = await store.summary("last")
        assert (summary.targets_covered, summary.targets_failed) == (1, 0)
        await store.finish_run(RunStatus.INTERRUPTED, at(1, 9))


async def test_totals_are_counted_from_the_targets_and_the_changes(database_url: str) -> None:
    """A finished run's row holds what its targets and changes add up to."""
    await collect(database_url, 1, harvest(HERE, item("a"), item("b"), item("c")), harvest(ELSEWHERE, item("z")))
    await collect(database_url, 2, harvest(HERE, item("a"), day=2), harvest(ELSEWHERE, item("z"), day=2))
    await collect(
        database_url,
        3,
        harvest(HERE, item("a", jobStatus="IDLE", name="x"), item("b"), item("n"), day=3),
        harvest(THERE, day=3, outcome=Outcome.MACIE_DISABLED),
        harvest(ELSEWHERE, day=3, outcome=Outcome.THROTTLED, error_code="ThrottlingException", error_message="slow"),
        targets=[Target("333333333333", "eu-west-1")],
        accounts=[Account(account_id=ELSEWHERE.account_id, name="Else")],
        status=RunStatus.PARTIAL,
        filter_criteria=None,
    )
    async with open_store(parse_database_url(database_url), readonly=True) as store:
        summary = await store.summary("run-03")
        assert summary == await store.summary("last")
        gaps = await store.gaps("run-03")
        listed = await store.list_runs(2)
    assert (summary.started_at, summary.finished_at, summary.status) == (at(3), at(3, 30), RunStatus.PARTIAL)
    assert (summary.targets_total, summary.targets_covered, summary.targets_failed) == (4, 2, 1)
    assert (summary.jobs_seen, summary.jobs_appeared, summary.jobs_changed) == (3, 1, 1)
    assert (summary.jobs_disappeared, summary.jobs_reappeared) == (0, 1)
    assert (summary.api_calls, summary.retries, summary.throttles) == (6, 3, 3)
    assert summary.by_outcome == {"collected": 1, "macie_disabled": 1, "not_attempted": 1, "throttled": 1}
    assert summary.jobs_by_status == {"IDLE": 1, "RUNNING": 2}
    assert summary.scope == {"regions": ["eu-west-1"]}
    assert [gap.outcome for gap in gaps] == [Outcome.THROTTLED, Outcome.NOT_ATTEMPTED]
    assert gaps[0] == Gap(
        account_id=ELSEWHERE.account_id,
        account_name="Else",
        region="eu-west-1",
        outcome=Outcome.THROTTLED,
        error_code="ThrottlingException",
        error_message="slow",
    )
    assert [run.run_id for run in listed] == ["run-03", "run-02"]
    assert listed[1].by_outcome == {"collected": 2}


async def test_accounts_keep_what_is_not_read_again(database_url: str) -> None:
    """A value that discovery did not read this time keeps the one of before; first sight stays, last sight moves."""
    whole = Account(
        account_id=ACCOUNT,
        name="Prod\x00",
        email="p@example.com",
        state="ACTIVE",
        arn="arn",
        parent_id="ou-1",
        ou_path="/Root/Prod",
        tags={"team": "sec"},
        is_management=True,
    )
    await collect(database_url, 1, accounts=[whole])
    await collect(
        database_url, 2, accounts=[Account(account_id=ACCOUNT, name="Production"), Account(account_id="2" * 12)]
    )
    assert await rows(database_url, "SELECT * FROM accounts ORDER BY account_id") == [
        (
            *(ACCOUNT, "Production", "p@example.com", "ACTIVE", "arn", "ou-1", "/Root/Prod", '{"team":"sec"}', 1),
            *(at(1), at(2)),
        ),
        ("2" * 12, None, None, None, None, None, None, None, None, at(2), at(2)),
    ]


async def test_accounts_can_be_completed_in_mid_run(database_url: str) -> None:
    """What becomes known of an account after the beginning is added to its row."""
    async with open_store(parse_database_url(database_url)) as store:
        await store.begin_run(run_start(1), [Account(account_id=ACCOUNT, name="Prod")], [HERE])
        await store.update_accounts([Account(account_id=ACCOUNT, ou_path="/Root/Prod")])
        await store.finish_run(RunStatus.PARTIAL, at(1, 30))
    assert await rows(database_url, "SELECT name, ou_path FROM accounts") == [("Prod", "/Root/Prod")]


async def test_a_resumed_run_goes_on_with_what_is_not_covered(database_url: str) -> None:
    """Resuming gives the uncovered targets and the accounts back, and replaces only their outcomes."""
    account = Account(account_id=ACCOUNT, name="Prod", tags={"a": "b"}, is_management=False)
    incomplete = harvest(THERE, item("t"), outcome=Outcome.LISTING_INCOMPLETE, error_code="x", api_calls=7)
    await collect(
        database_url,
        1,
        *(harvest(HERE, item("a")), incomplete),
        targets=[ELSEWHERE],
        accounts=[account],
        status=RunStatus.INTERRUPTED,
        filter_criteria=None,
    )
    async with open_store(parse_database_url(database_url)) as store:
        stored = await store.resumable_run("last")
        assert (stored.run_id, stored.scope, stored.partition) == ("run-01", {"regions": ["eu-west-1"]}, "aws")
        accounts, targets = await store.resume_run(stored.run_id)
        assert accounts == [account]
        assert targets == [THERE, ELSEWHERE]
        assert (await store.run_row("run-01")).status is RunStatus.RUNNING
        again = [harvest(THERE, item("t", jobStatus="IDLE"), item("u"), day=2), harvest(ELSEWHERE, day=2)]
        assert await store.write(again) == JobCounts(seen=2, appeared=1, updated=1)
        await store.finish_run(RunStatus.COMPLETE, at(2, 30))
        summary = await store.summary("run-01")
    assert (summary.status, summary.targets_covered, summary.jobs_seen, summary.api_calls) == ("complete", 3, 3, 6)
    outcomes = await rows(database_url, "SELECT outcome, error_code, count(*) FROM targets GROUP BY 1, 2")
    assert outcomes == [("collected", None, 3)]
    changes = await rows(database_url, "SELECT job_id, change, field FROM job_changes ORDER BY 1, 2, 3")
    assert changes == [
        ("a", "appeared", ""),
        ("t", "appeared", ""),
        ("t", "updated", "job_status"),
        ("u", "appeared", ""),
    ]


async def test_two_readings_in_one_run_are_one_change(database_url: str) -> None:
    """A field that changes twice in a resumed run keeps its first old value; one that changes back is no change."""
    await collect(database_url, 1, harvest(HERE, item("a", name="one"), item("b", name="one")))
    read = harvest(HERE, item("a", name="two"), item("b", name="two"), day=2, outcome=Outcome.LISTING_INCOMPLETE)
    await collect(database_url, 2, read, status=RunStatus.PARTIAL)
    async with open_store(parse_database_url(database_url)) as store:
        await store.resume_run("run-02")
        await store.write([harvest(HERE, item("a", name="three"), item("b", name="one"), day=3)])
        await store.finish_run(RunStatus.COMPLETE, at(3, 30))
        assert (await store.run_row("run-02")).jobs_changed == 1
    found = await rows(
        database_url,
        "SELECT job_id, field, old_value, new_value, observed_at FROM job_changes WHERE change = 'updated'",
    )
    assert [(*row[:2], *(text.strip('"') for text in row[2:4]), row[4]) for row in found] == [
        ("a", "name", "one", "three", at(3, 2))
    ]


async def test_a_resumed_filtered_run_stays_filtered(database_url: str) -> None:
    """The filter of the first beginning decides in the resumed part too that nothing is marked missing."""
    await collect(database_url, 1, harvest(HERE, item("a"), item("b")))
    await collect(
        database_url, 2, targets=[HERE], status=RunStatus.PARTIAL, filter_criteria={"includes": [{"key": "name"}]}
    )
    async with open_store(parse_database_url(database_url)) as store:
        await store.resume_run("run-02")
        assert await store.write([harvest(HERE, item("a"), day=3)]) == JobCounts(seen=1)
        await store.finish_run(RunStatus.COMPLETE, at(3, 30))


async def test_what_cannot_be_resumed_is_a_usage_error(database_url: str) -> None:
    """No run, an unknown run and a complete run are refused with the next step."""
    url = parse_database_url(database_url)
    async with open_store(url) as store:
        with pytest.raises(UsageError, match="no run yet: collect first"):
            await store.resumable_run("last")
    await collect(database_url, 1, harvest(HERE))
    async with open_store(url) as store:
        with pytest.raises(UsageError, match="no run run-77: see `runs list`"):
            await store.resumable_run("run-77")
        with pytest.raises(UsageError, match="run-01 is complete"):
            await store.resume_run("last")


async def test_a_run_left_running_is_marked_interrupted_by_the_next(database_url: str) -> None:
    """A run whose process died gets its totals and the status `interrupted` when another one begins."""
    async with open_store(parse_database_url(database_url)) as store:
        await store.begin_run(run_start(1), [], [HERE, THERE])
        await store.write([harvest(HERE, item("a"))])
    assert await rows(database_url, "SELECT status, jobs_seen FROM runs") == [("running", 0)]
    await collect(database_url, 2, harvest(HERE, item("a"), day=2))
    found = await rows(
        database_url,
        "SELECT status, finished_at, targets_covered, jobs_seen, jobs_appeared, error FROM runs ORDER BY 1 DESC",
    )
    assert found == [
        ("interrupted", at(1, 2), 1, 1, 1, "the process ended in mid-run"),
        ("complete", at(2, 30), 1, 1, 0, None),
    ]


async def test_reading_needs_a_database(database_url: str) -> None:
    """Reading where nothing was collected yet names the next step and creates nothing."""
    url = parse_database_url(database_url)
    with pytest.raises(ConfigurationError, match="run `macie-inventory collect` first"):
        async with open_store(url, readonly=True):
            pass
    assert url.path is None or not url.path.exists()


async def test_a_large_plan_is_stored_quickly(sqlite_url: str) -> None:
    """The plan of an organization, 44,000 targets, costs at most half a second of CPU (here: with room for noise)."""
    targets = [Target(f"{number:012}", f"region-{region}") for number in range(2000) for region in range(22)]
    async with open_store(parse_database_url(sqlite_url)) as store:
        started = time.process_time()
        await store.begin_run(run_start(1), [Account(account_id=f"{number:012}") for number in range(2000)], targets)
        spent = time.process_time() - started
        await store.finish_run(RunStatus.INTERRUPTED, at(1, 30))
    assert spent < 1.5
    assert await rows(sqlite_url, "SELECT count(*) FROM targets") == [(44_000,)]
