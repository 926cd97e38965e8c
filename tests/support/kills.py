"""Kill the program with SIGKILL at a random moment, look at the database, and let the next run take over."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import time
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from tests.support.crash import WarmProgram
from tests.support.program import rows

from macie_inventory.simulator import Fault, FaultKind, FaultPlan, Rule, World, generate_world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from macie_inventory.simulator import Simulator

__all__ = ["TARGETS", "Killing", "Moment", "check_after_kill", "check_taken_over", "killing_world", "survive_kill"]

LATE = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.DELAY, seconds=0.03), service="macie2"),))
TARGETS = 24
PATIENCE = 60.0
"""Seconds after which a run counts as stuck."""

Rows = list[tuple[Any, ...]]
Jobs = dict[tuple[str, str], dict[str, Any]]


def killing_world(seed: int = 17) -> World:
    """Give an organization of TARGETS targets, most with several pages of three jobs."""
    return generate_world(accounts=8, regions=3, jobs=(0, 12), seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When to kill: after so many calls, and then some seconds."""

    calls: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class Killing:
    """Runs the program against one simulator, and kills it."""

    simulator: Simulator
    folder: Path
    needed: int = 0
    """Calls of a whole run; known after `calibrate`."""

    def arguments(self, database: str, *more: str) -> list[str]:
        """Give the command line of a run."""
        scope = () if "--resume" in more else ("--region", *self.simulator.world.regions, "--page-size", "3")
        return ["--database", database, "--concurrency", "8", *scope, *more]

    def calibrate(self, database: str) -> None:
        """Count the calls of a whole run."""
        self.whole_run(database)
        self.needed = self.simulator.calls.total

    def whole_run(self, database: str, *more: str) -> dict[str, Any]:
        """Run to the end, quickly; gives what was printed. Asserts exit code 0."""
        self.simulator.reset(faults=FaultPlan())
        return self._program().collect(*self.arguments(database, *more))

    def kill(self, database: str, moment: Moment, *more: str) -> bool:
        """Start a slow run and kill it at this moment; tells whether it was still running then."""
        self.simulator.reset(faults=LATE)
        with self._program().forked("collect", *self.arguments(database, *more)) as (process, _):
            deadline = time.monotonic() + PATIENCE
            while self.simulator.calls.total < moment.calls and process.is_alive():
                assert time.monotonic() < deadline, "the run makes no progress"
                time.sleep(0.002)
            time.sleep(moment.seconds)
            process.kill()
            process.join()
            return process.exitcode == -signal.SIGKILL

    def moment(self, random: Random) -> Moment:
        """Choose a moment anywhere between the start of the process and the end of its run."""
        calls = random.randint(0, self.needed)
        return Moment(calls=calls, seconds=random.uniform(0, 0.25 if calls in (0, self.needed) else 0.02))

    def served(self) -> Jobs:
        """Give the jobs that there are, by account, region and id."""
        truth = self.simulator.world.truth()
        return {target: {job.job_id: json.loads(job.body) for job in jobs} for target, jobs in truth.items() if jobs}

    def _program(self) -> WarmProgram:
        return WarmProgram(self.folder, self.folder / "output", self.simulator)


def _stored(query: Callable[[str], Rows]) -> Jobs:
    stored: Jobs = {}
    for account_id, region, job_id, raw in query("SELECT account_id, region, job_id, raw FROM jobs"):
        stored.setdefault((account_id, region), {})[job_id] = json.loads(raw) if isinstance(raw, str) else raw
    return stored


def check_after_kill(query: Callable[[str], Rows], served: Jobs) -> str | None:
    """Check a database that was left behind; gives the id of the run that it holds, None when it holds none.

    Asserts that committed targets are whole, that every target has one row, and that only a covered run claims to be
    complete.
    """
    try:
        runs = query("SELECT run_id, status FROM runs")
    except sqlite3.OperationalError as error:
        assert "no such table" in str(error)  # noqa: PT017 - killed before there was a schema
        return None
    if not runs:
        return None
    [(run_id, status)] = runs
    outcomes = query("SELECT account_id, region, outcome FROM targets")
    assert len(outcomes) == len({row[:2] for row in outcomes}) == TARGETS
    assert {outcome for *_, outcome in outcomes} <= {"collected", "not_attempted"}
    collected = {(account_id, region) for account_id, region, outcome in outcomes if outcome == "collected"}
    assert status == "running" or (status == "complete" and len(collected) == TARGETS)
    assert _stored(query) == {target: jobs for target, jobs in served.items() if target in collected}
    return str(run_id)


def check_taken_over(
    query: Callable[[str], Rows],
    served: Jobs,
    *,
    killed: str | None,
    second: str,
) -> None:
    """Check that the next run has everything, and that the killed one, if it was another, is `interrupted`."""
    assert _stored(query) == served
    statuses: dict[str, str] = dict(query("SELECT run_id, status FROM runs"))
    assert statuses[second] == "complete"
    if killed is not None and killed != second:
        left = query(f"SELECT 1 FROM targets WHERE run_id = '{killed}' AND outcome <> 'collected'")
        # With nothing left to do it may have ended just before it was killed.
        assert statuses[killed] == "interrupted" or (not left and statuses[killed] == "complete")
    assert query("SELECT count(*) FROM leases") == [(0,)]


def survive_kill(killing: Killing, empty: Path, seed: int) -> bool:
    """Kill a run on an SQLite file at a random moment, check the file, and have the next run complete it.

    `empty` is a migrated file. Tells whether the moment lay within the run.
    """
    random = Random(f"kill/{seed}")  # noqa: S311 - reproducible, not secret
    file = killing.folder / f"killed-{seed}.db"
    if random.random() < 0.8:  # else it is killed while it makes the schema, perhaps
        shutil.copy(empty, file)
    in_mid_run = killing.kill(f"sqlite:///{file}", killing.moment(random))
    served, killed, complete = killing.served(), None, False
    if file.exists():
        assert rows(file, "PRAGMA integrity_check") == [("ok",)]
        killed = check_after_kill(partial(rows, file), served)
        complete = killed is not None and rows(file, "SELECT status FROM runs") == [("complete",)]
    resumed = killed is not None and not complete and random.random() < 0.5
    second = killing.whole_run(f"sqlite:///{file}", *(["--resume"] if resumed else []))
    assert second["status"] == "complete", seed
    assert (second["run_id"] == killed) == resumed
    check_taken_over(partial(rows, file), served, killed=killed, second=second["run_id"])
    file.unlink()
    return in_mid_run
