"""Several runs against a changing organization replay to exactly what was observed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.store.material import rows
from tests.support.line import aws_environment, quick_limits

from macie_inventory.config import Scope
from macie_inventory.model import timestamp
from macie_inventory.pipeline.collect import collect
from macie_inventory.simulator import AccountState, Job, World, generate_world, serve
from macie_inventory.store import open_query, parse_database_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from macie_inventory.simulator import Simulator

pytestmark = pytest.mark.anyio

REGIONS = ("eu-west-1", "me-south-1")
KINDS = ("appeared", "updated", "disappeared", "reappeared")
EXTRA = {"name": "extra", "jobStatus": "RUNNING", "jobType": "ONE_TIME", "createdAt": "2026-02-01T00:00:00.000Z"}
Key = tuple[str, str, str]
Change = tuple[str, str, str, str, str, str, str | None, str | None]


def columns(job: Mapping[str, Any]) -> dict[str, Any]:
    """Give the observable values of a job under the names of their columns, absent ones left out."""
    paused = job.get("userPausedDetails") or {}
    values = {
        "name": job.get("name"),
        "job_type": job.get("jobType"),
        "job_status": job.get("jobStatus"),
        "created_at": moment(job.get("createdAt")),
        "last_run_error_code": (job.get("lastRunErrorStatus") or {}).get("code"),
        "paused_at": moment(paused.get("jobPausedAt")),
        "expires_at": moment(paused.get("jobExpiresAt")),
        "expiration_health_event_arn": paused.get("jobImminentExpirationHealthEventArn"),
    }
    return {name: value for name, value in values.items() if value is not None}


def moment(text: str | None) -> str | None:
    """Write a moment as the database shows it."""
    return None if text is None else timestamp(datetime.fromisoformat(text).astimezone(UTC))


@dataclass
class Observed:
    """What a patient observer with the same permissions has seen, and what has to be written down of it."""

    jobs: dict[Key, Job] = field(default_factory=dict)
    missing: dict[Key, str] = field(default_factory=dict)
    changes: set[Change] = field(default_factory=set)
    as_of: dict[str, dict[Key, tuple[str, str]]] = field(default_factory=dict)

    def look(self, world: World, run_id: str, scope: Scope, ended: str) -> None:
        """Look at every target of the scope that can be seen."""
        for target, jobs in world.truth().items():
            if target[1] in scope.region:
                asked = [job for job in jobs if not scope.include or job["jobType"] == "ONE_TIME"]
                self._list(run_id, target, {(*target, job.job_id): job for job in asked}, whole=not scope.include)
        present = {key: job for key, job in self.jobs.items() if key not in self.missing}
        self.as_of[ended] = {key: (str(job["name"]), str(job["jobStatus"])) for key, job in present.items()}

    def _list(self, run_id: str, target: tuple[str, str], listing: dict[Key, Job], *, whole: bool) -> None:
        for key, job in listing.items():
            if key not in self.jobs:
                self.changes.add((run_id, *key, "appeared", "", None, None))
            elif self.missing.pop(key, None) is not None:
                self.changes.add((run_id, *key, "reappeared", "", None, None))
            before, after = columns(self.jobs.get(key, job)), columns(job)
            for name in before.keys() | after.keys():
                if before.get(name) != after.get(name):
                    old, new = (None if value is None else str(value) for value in (before.get(name), after.get(name)))
                    self.changes.add((run_id, *key, "updated", name, old, new))
            self.jobs[key] = job
        for key in self.jobs.keys() - listing.keys() if whole else ():
            if key[:2] == target and key not in self.missing:
                self.missing[key] = run_id
                self.changes.add((run_id, *key, "disappeared", "", None, None))


def story(world: World) -> list[tuple[Callable[[], object], Scope]]:
    """Tell what happens before each run, and what the run asks for."""
    mutate, everything = world.mutate, Scope(region=REGIONS, organizational_units=False, page_size=4)
    one_region = Scope(region=REGIONS[:1], organizational_units=False)
    some_jobs = Scope(region=REGIONS, organizational_units=False, include=("jobType EQ ONE_TIME",))
    a, b, c, d, e = [account for account in world.accounts if account != world.caller_account_id][:5]
    gone: list[Job] = []

    def evolve(seed: int, *events: Callable[[], object]) -> Callable[[], None]:
        def happen() -> None:
            for event in events:
                event()
            mutate.evolve(seed=seed, changes=25)

        return happen

    def lose() -> None:
        gone.extend(mutate.remove_job(d, REGIONS[0], job.job_id) for job in world.jobs_of(d, REGIONS[0]))

    def find() -> None:
        for number, job in enumerate(gone):
            mutate.add_job(d, REGIONS[0], job.changed(name="back") if number % 2 else job)

    return [
        (lambda: None, everything),
        (evolve(1), everything),
        (evolve(2, lambda: mutate.macie_off(a, REGIONS[0]), lambda: mutate.suspend(b)), everything),
        (
            evolve(3, lambda: mutate.macie_on(a, REGIONS[0]), lambda: mutate.deny(c, REGIONS[1])),
            everything,
        ),
        (evolve(4, lambda: mutate.add_job(c, REGIONS[1], {**EXTRA, "jobId": "unseen"})), everything),
        (
            evolve(5, lambda: mutate.allow(c, REGIONS[1]), lambda: mutate.set_state(b, AccountState.ACTIVE), lose),
            everything,
        ),
        (evolve(6, lambda: mutate.remove_role(e), lambda: mutate.region_off(a, REGIONS[1])), everything),
        (evolve(7, find, lambda: mutate.restore_role(e)), everything),
        (evolve(8, lambda: mutate.region_on(a, REGIONS[1])), some_jobs),
        (evolve(9), one_region),
        (evolve(10), everything),
        (lambda: None, everything),
    ]


async def observe(simulator: Simulator, url: str, observed: Observed) -> list[str]:
    """Live through the story with a run after each of its steps; gives the ids of the runs."""
    run_ids = []
    for happen, scope in story(simulator.world):
        happen()
        summary, _ = await collect(scope, database=url, limits=quick_limits())
        assert summary.finished_at is not None
        observed.look(simulator.world, summary.run_id, scope, summary.finished_at)
        run_ids.append(summary.run_id)
        of_run = [change for change in observed.changes if change[0] == summary.run_id]
        counted = {kind: len({change[1:4] for change in of_run if change[4] == kind}) for kind in KINDS}
        said = (summary.jobs_appeared, summary.jobs_changed, summary.jobs_disappeared, summary.jobs_reappeared)
        assert said == tuple(counted.values())
    return run_ids


@pytest.mark.slow
async def test_the_history_of_an_organization_is_what_was_observed(database_url: str) -> None:
    """job_changes, missing_since, jobs and jobs_as_of say what could be seen at each run, and nothing else."""
    world, observed = generate_world(accounts=7, regions=REGIONS, jobs=(2, 9), seed=53), Observed()
    async with serve(world) as simulator:
        with aws_environment(simulator):
            run_ids = await observe(simulator, database_url, observed)
    text = "CAST({} AS text)"
    changes = await rows(
        database_url,
        f"SELECT run_id, account_id, region, job_id, change, field, {text.format('old_value')}, "
        f"{text.format('new_value')} FROM job_changes",
    )
    plain = [(*row[:6], *(None if value is None else json.loads(value) for value in row[6:])) for row in changes]
    assert len(plain) == len(set(plain))
    assert set(plain) == observed.changes
    assert {change[4] for change in observed.changes} == set(KINDS), "the story has to tell of everything"
    assert not any(change[0] == run_ids[-1] for change in observed.changes)
    await check_jobs(database_url, observed)
    await check_past(database_url, observed)


async def check_jobs(url: str, observed: Observed) -> None:
    """Check the latest state of every job, and that those which vanished did so when their target was read."""
    stored = await rows(url, "SELECT account_id, region, job_id, raw, missing_since FROM jobs")
    assert {row[:3]: json.loads(row[3]) for row in stored} == {
        key: json.loads(job.body) for key, job in observed.jobs.items()
    }
    read = await rows(url, "SELECT run_id, account_id, region, finished_at FROM targets WHERE outcome = 'collected'")
    ended = {row[:3]: row[3] for row in read}
    assert {row[:3]: row[4] for row in stored if row[4] is not None} == {
        key: ended[run_id, key[0], key[1]] for key, run_id in observed.missing.items()
    }
    assert observed.missing, "something has to be missing at the end"


async def check_past(url: str, observed: Observed) -> None:
    """Check the inventory as of the end of every run."""
    sql = "SELECT account_id, region, job_id, name, job_status FROM jobs_as_of"
    for ended, expected in observed.as_of.items():
        async with open_query(parse_database_url(url), sql, as_of=ended) as answer:
            found = [row async for batch in answer.batches for row in batch]
        assert {row[:3]: row[3:] for row in found} == expected
        assert len(found) == len(expected)
