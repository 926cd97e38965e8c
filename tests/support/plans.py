"""Random fault plans against the whole line: what is stored must be what was served."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from macie_inventory.pipeline.collect import collect
from macie_inventory.config import Scope
from macie_inventory.simulator import Ending, FaultPlan, generate_world, serve
from tests.support.line import aws_environment, quick_limits
from tests.support.program import rows, stored_jobs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["survive"]


async def survive(seed: int, folder: Path) -> int:
    """Collect a small organization under a random plan in which every page recovers; give the faults that struck.

    Asserts that the run is complete, with exactly the served jobs, one outcome per target, and the server's counts.
    """
    world = generate_world(accounts=4, regions=2, jobs=(0, 9), seed=seed)
    plan = FaultPlan.recoverable(probability=0.3, seed=seed, max_consecutive=3)
    database = folder / f"plan-{seed}.db"
    scope = Scope(region=tuple(world.regions), page_size=1 + seed % 4, organizational_units=bool(seed % 2))
    async with serve(world, faults=plan) as simulator:
        with aws_environment(simulator):
            summary, gaps = await collect(
                scope, database=f"sqlite:///{database}", limits=quick_limits(read_timeout=0.4)
            )
        faults = simulator.calls.faults.total()
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

