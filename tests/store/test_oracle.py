"""Random sequences of runs against a small model of the contract, on both databases."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.material import at, harvest, rows, run_start

from macie_inventory.model import COVERED, Outcome, RunStatus, Target
from macie_inventory.store import open_store, parse_database_url

if TYPE_CHECKING:
    from macie_inventory.store import Store

TARGETS = [
    Target("111111111111", "eu-west-1"),
    Target("111111111111", "us-east-1"),
    Target("222222222222", "eu-west-1"),
]
COLUMNS = {"name": "name", "jobStatus": "job_status", "jobType": "job_type", "extra": "extra"}

Key = tuple[str, str, str]
Listing = dict[str, dict[str, Any]]
Runs = list[tuple[dict[Target, tuple[Outcome, Listing]], bool, bool]]


@dataclass
class Oracle:
    """What the tables must hold, worked out the plain way."""

    jobs: dict[Key, dict[str, Any]] = field(default_factory=dict)
    changes: set[tuple[Any, ...]] = field(default_factory=set)
    outcomes: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)

    def observe(
        self, run_id: str, day: int, target: Target, outcome: Outcome, listing: Listing, *, filtered: bool
    ) -> None:
        """Take one harvest in."""
        where = (target.account_id, target.region)
        self.outcomes[(run_id, *where)] = (str(outcome), len(listing))
        for job_id, members in listing.items():
            self._see(run_id, day, (*where, job_id), members)
        if outcome is Outcome.COLLECTED and not filtered:
            for key, job in self.jobs.items():
                if key[:2] == where and key[2] not in listing and job["missing_since"] is None:
                    job["missing_since"] = at(day, 2)
                    self.changes.add((run_id, *key, "disappeared", "", None, None))

    def _see(self, run_id: str, day: int, key: Key, members: dict[str, Any]) -> None:
        known = self.jobs.get(key)
        if known is None:
            self.changes.add((run_id, *key, "appeared", "", None, None))
            self.jobs[key] = known = {"first": (at(day, 2), run_id)}
        else:
            if known["missing_since"] is not None:
                self.changes.add((run_id, *key, "reappeared", "", None, None))
            old = known["members"]
            for name in old.keys() | members.keys():
                if old.get(name) != members.get(name):
                    values = (json.dumps(old.get(name)), json.dumps(members.get(name)))
                    texts = tuple(None if text == "null" else text for text in values)
                    self.changes.add((run_id, *key, "updated", COLUMNS[name], *texts))
        known |= {"members": members, "last": (at(day, 2), run_id), "missing_since": None}


MEMBERS = st.fixed_dictionaries(
    {"name": st.sampled_from(["one", "two"]), "jobStatus": st.sampled_from(["RUNNING", "COMPLETE", "NEW_ONE"])},
    optional={"jobType": st.just("ONE_TIME"), "extra": st.integers(1, 2)},
)
LISTINGS = st.dictionaries(st.sampled_from(["a", "b", "c"]), MEMBERS, max_size=3)
OUTCOMES = st.one_of(
    st.just(Outcome.COLLECTED), st.sampled_from([o for o in Outcome if o is not Outcome.NOT_ATTEMPTED])
)
HARVESTS = st.dictionaries(st.sampled_from(TARGETS), st.tuples(OUTCOMES, LISTINGS), min_size=1, max_size=3)
RUNS = st.lists(st.tuples(HARVESTS, st.booleans(), st.booleans()), min_size=1, max_size=5)


async def _replay(url: str, runs: Runs) -> None:
    oracle = Oracle()
    async with open_store(parse_database_url(url)) as store:
        for day, (harvests, filtered, split) in enumerate(runs, start=1):
            run = run_start(day, filter_criteria={"includes": [1]} if filtered else None)
            await store.begin_run(run, [], TARGETS)
            whole = []
            for target, (outcome, listing) in harvests.items():
                items = [{"jobId": job_id, **members} for job_id, members in listing.items()]
                whole.append(harvest(target, *items, day=day, outcome=outcome))
                oracle.observe(run.run_id, day, target, outcome, listing, filtered=filtered)
            for batch in [[one] for one in whole] if split else [whole]:
                await store.write(batch)
            await store.finish_run(RunStatus.COMPLETE, at(day, 30))
            for target in set(TARGETS).difference(harvests):
                oracle.outcomes[(run.run_id, target.account_id, target.region)] = ("not_attempted", 0)
            await _check_totals(store, oracle, run.run_id)
    await _check_tables(url, oracle)


async def _check_totals(store: Store, oracle: Oracle, run_id: str) -> None:
    summary = await store.run_row(run_id)
    outcomes = [outcome for key, outcome in oracle.outcomes.items() if key[0] == run_id]
    changes = [change for change in oracle.changes if change[0] == run_id]
    assert summary.targets_total == len(TARGETS)
    assert summary.targets_covered == sum(outcome in COVERED for outcome, _ in outcomes)
    assert summary.jobs_seen == sum(jobs for _, jobs in outcomes)
    for total, kind in (
        (summary.jobs_appeared, "appeared"),
        (summary.jobs_changed, "updated"),
        (summary.jobs_disappeared, "disappeared"),
        (summary.jobs_reappeared, "reappeared"),
    ):
        assert total == len({change[1:4] for change in changes if change[4] == kind})


async def _check_tables(url: str, oracle: Oracle) -> None:
    jobs = await rows(
        url,
        "SELECT account_id, region, job_id, name, job_status, job_type, first_seen_at, first_seen_run, last_seen_at, "
        "last_seen_run, missing_since, raw FROM jobs",
    )
    assert {
        row[:3]: (*row[3:11], {name: value for name, value in json.loads(row[11]).items() if name != "jobId"})
        for row in jobs
    } == {
        key: (
            *(job["members"].get(name) for name in ("name", "jobStatus", "jobType")),
            *(*job["first"], *job["last"], job["missing_since"], job["members"]),
        )
        for key, job in oracle.jobs.items()
    }
    changes = await rows(
        url, "SELECT run_id, account_id, region, job_id, change, field, old_value, new_value FROM job_changes"
    )
    assert {(*row[:6], *(_json_text(value) for value in row[6:])) for row in changes} == oracle.changes
    assert len(changes) == len(oracle.changes)
    outcomes = await rows(url, "SELECT run_id, account_id, region, outcome, jobs FROM targets")
    assert {row[:3]: row[3:] for row in outcomes} == oracle.outcomes


def _json_text(value: object) -> str | None:
    """Write a JSON value as SQLite holds it, though PostgreSQL's driver has parsed it."""
    return value if value is None or (isinstance(value, str) and value[0] in '"123456789') else json.dumps(value)


TRIED = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _empty(url: str) -> None:
    async def work() -> None:
        tables = ("runs", "accounts", "targets", "jobs", "job_buckets", "job_criteria", "job_changes", "leases")
        async with open_store(parse_database_url(url)):
            for table in tables:
                await rows(url, f"DELETE FROM {table}")

    anyio.run(work)


@given(runs=RUNS)
@TRIED
def test_any_sequence_of_runs_is_what_the_model_says_in_sqlite(sqlite_url: str, runs: Runs) -> None:
    """Whatever was listed in whatever order, SQLite holds what the contract says."""
    _empty(sqlite_url)
    anyio.run(_replay, sqlite_url, runs)


@pytest.mark.slow
@given(runs=RUNS)
@TRIED
def test_any_sequence_of_runs_is_what_the_model_says_in_postgresql(postgres_url: str, runs: Runs) -> None:
    """Whatever was listed in whatever order, PostgreSQL holds what the contract says."""
    _empty(postgres_url)
    anyio.run(_replay, postgres_url, runs)
