"""Random fault plans against the whole line: what is stored must be what was served."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING

from tests.support.line import aws_environment, quick_limits
from tests.support.program import rows, stored_jobs

from macie_inventory.config import Scope
from macie_inventory.pipeline.collect import collect
from macie_inventory.simulator import Ending, FaultPlan, generate_world, serve
from macie_inventory.store import migrate, parse_database_url

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_empty_database", "survive"]

UNHURRIED = 1000.0
"""A share of the quotas of Organizations that means: do not pace these calls; others test that."""


async def make_empty_database(folder: Path) -> Path:
    """Give a migrated SQLite file without rows, to be copied."""
    path = folder / "empty.db"
    await migrate.upgrade(parse_database_url(f"sqlite:///{path}"))
    return path


async def survive(seed: int, empty: Path, folder: Path) -> Counter[str]:
    """Collect a small organization under a random plan in which every page recovers; give the faults that struck, by kind.

    `empty` is a migrated database. Asserts that the run is complete, with exactly the served jobs, one outcome per
    target, and the server's counts.
    """
    world = generate_world(accounts=4, regions=2, jobs=(0, 9), seed=seed)
    plan = FaultPlan.recoverable(probability=0.3, seed=seed, max_consecutive=3)
    database = folder / f"plan-{seed}.db"
    shutil.copy(empty, database)
    scope = Scope(region=tuple(world.regions), page_size=1 + seed % 4, organizational_units=bool(seed % 2))
    limits = quick_limits(read_timeout=0.4, organizations_quota_share=UNHURRIED)
    async with serve(world, faults=plan) as simulator:
        with aws_environment(simulator):
            summary, gaps = await collect(scope, database=f"sqlite:///{database}", limits=limits)
        faults = Counter({str(kind): number for kind, number in simulator.calls.faults.items()})
        calls = simulator.calls.count(service="macie2")
        throttled = simulator.calls.count(service="macie2", ending=Ending.THROTTLED)
    served = {
        target: {job.job_id: json.loads(job.body) for job in jobs} for target, jobs in world.truth().items() if jobs
    }
    assert summary.status == "complete", (seed, gaps)
    assert stored_jobs(database) == served, seed
    assert rows(database, "SELECT outcome, count(*) FROM targets GROUP BY 1") == [("collected", 8)], seed
    counted = rows(database, "SELECT sum(api_calls), sum(throttles) FROM targets")
    assert counted == [(calls, throttled)], seed
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    database.unlink()
    return faults
