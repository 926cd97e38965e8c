"""What changed, and forgetting what is old."""

from __future__ import annotations

from typing import Any

import pytest
from tests.store.material import HERE, THERE, at, collect, harvest, item, rows, run_start

from macie_inventory.errors import LeaseHeldError, UsageError
from macie_inventory.model import Outcome, RunStatus
from macie_inventory.store import Pruned, changes_since, open_store, parse_database_url, prune

pytestmark = pytest.mark.anyio


async def _changes(url: str, since: str) -> list[tuple[Any, ...]]:
    async with await changes_since(parse_database_url(url), since) as found:
        assert found.columns[0] == "observed_at"
        return [(row[0], row[4], row[6], row[7]) for batch in [b async for b in found.batches] for row in batch]


async def test_changes_since_a_run_a_time_or_the_last_run(database_url: str) -> None:
    """`last` is what the last run found, a run is it and those after, a time is from then on; newest first."""
    await collect(database_url, 1, harvest(HERE, item("a"), item("b")))
    await collect(database_url, 2, harvest(HERE, item("a", name="x"), day=2))
    await collect(database_url, 3, harvest(HERE, item("a", name="x"), item("b"), day=3))
    last = [(at(3, 2), "b", "reappeared", "")]
    second = [(at(2, 2), "a", "updated", "name"), (at(2, 2), "b", "disappeared", "")]
    assert await _changes(database_url, "last") == last
    assert await _changes(database_url, "run-02") == last + second
    assert await _changes(database_url, "2026-11-02") == last + second
    assert len(await _changes(database_url, at(1, 2))) == 5
    assert await _changes(database_url, at(3, 3)) == []
    with pytest.raises(UsageError, match="'run-99' is neither a run nor a moment: write last, a run id"):
        await _changes(database_url, "run-99")


async def _history(url: str) -> None:
    denied: dict[str, Any] = {"outcome": Outcome.ACCESS_DENIED}
    await collect(url, 1, harvest(HERE, item("a"), item("gone")), harvest(THERE, item("t")))
    await collect(url, 2, harvest(HERE, item("a"), day=2), harvest(THERE, day=2, **denied))
    await collect(url, 3, harvest(HERE, item("a", name="x"), day=3), harvest(THERE, day=3, **denied))
    await collect(url, 20, harvest(HERE, item("a"), day=20), targets=[THERE], status=RunStatus.PARTIAL)


async def test_a_dry_run_counts_and_deletes_nothing(database_url: str) -> None:
    """Without `apply` the same numbers are given, and every table stays as it is."""
    await _history(database_url)
    before = {
        table: await rows(database_url, f"SELECT count(*) FROM {table}")
        for table in ("runs", "targets", "jobs", "job_changes")
    }
    counts = await prune(parse_database_url(database_url), older_than="2026-11-10", missing_older_than="2026-11-10")
    assert counts == Pruned(runs=1, targets=4, job_changes=5, jobs=1)
    for table, number in before.items():
        assert await rows(database_url, f"SELECT count(*) FROM {table}") == number
    assert (
        await prune(
            parse_database_url(database_url), older_than="2026-11-10", missing_older_than="2026-11-10", apply=True
        )
        == counts
    )
    assert await prune(
        parse_database_url(database_url), older_than="2026-11-10", missing_older_than="2026-11-10"
    ) == Pruned(runs=0, targets=0, job_changes=0, jobs=0)


async def test_the_last_state_of_every_target_stays(database_url: str) -> None:
    """However old, the newest attempt and the newest covering one of each target stay, with their runs."""
    await _history(database_url)
    before = await rows(database_url, "SELECT * FROM latest_targets ORDER BY region")
    await prune(parse_database_url(database_url), older_than="2027-01-01", apply=True)
    assert await rows(database_url, "SELECT * FROM latest_targets ORDER BY region") == before
    assert await rows(database_url, "SELECT run_id, region, outcome FROM targets ORDER BY 1, 2") == [
        ("run-01", "us-east-1", "collected"),
        ("run-03", "us-east-1", "access_denied"),
        ("run-20", "eu-west-1", "collected"),
    ]
    assert await rows(database_url, "SELECT run_id FROM runs ORDER BY 1") == [("run-01",), ("run-03",), ("run-20",)]
    assert await rows(database_url, "SELECT count(*) FROM job_changes") == [(0,)]
    assert await rows(database_url, "SELECT job_id FROM jobs ORDER BY 1") == [("a",), ("gone",), ("t",)]


async def test_missing_jobs_go_with_their_child_rows(database_url: str) -> None:
    """Only jobs that are missing since before the moment go; what they changed stays as history."""
    await _history(database_url)
    counts = await prune(parse_database_url(database_url), missing_older_than="2026-11-02T09:00:02Z", apply=True)
    assert counts.jobs == 0
    counts = await prune(parse_database_url(database_url), missing_older_than="2026-11-02T09:00:03Z", apply=True)
    assert counts == Pruned(runs=0, targets=0, job_changes=0, jobs=1)
    assert await rows(database_url, "SELECT DISTINCT job_id FROM job_buckets ORDER BY 1") == [("a",), ("t",)]
    assert await rows(database_url, "SELECT count(*) FROM job_changes WHERE job_id = 'gone'") == [(2,)]
    await collect(database_url, 21, harvest(HERE, item("a"), item("gone"), day=21))
    found = await rows(database_url, "SELECT change FROM job_changes WHERE run_id = 'run-21'")
    assert found == [("appeared",)]


async def test_nothing_is_pruned_while_a_run_collects(database_url: str) -> None:
    """Pruning waits for nobody and disturbs nobody: it says who is collecting, and gives its own lease back."""
    await _history(database_url)
    url = parse_database_url(database_url)
    async with open_store(url) as store:
        await store.begin_run(run_start(22), [], [HERE])
        with pytest.raises(LeaseHeldError, match="run run-22 is collecting"):
            await prune(url, older_than="1d", apply=True)
        await store.finish_run(RunStatus.PARTIAL, at(22, 30))
    await prune(url, older_than="2026-11-10", apply=True)
    assert await rows(database_url, "SELECT * FROM leases") == []


async def test_pruning_needs_to_be_told_what(database_url: str) -> None:
    """Without a moment there is nothing to prune, and a bad one is refused before anything is done."""
    url = parse_database_url(database_url)
    with pytest.raises(UsageError, match="nothing to prune: give --older-than"):
        await prune(url)
    with pytest.raises(UsageError, match="'soon' is no moment"):
        await prune(url, older_than="soon")
    assert await prune(url, older_than="90d") == Pruned(runs=0, targets=0, job_changes=0, jobs=0)
