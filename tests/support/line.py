"""The line without its database: from a simulated AWS to harvests."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from macie_inventory.aws.session import open_aws
from macie_inventory.backoff import RetryPolicy
from macie_inventory.config import Limits, Scope
from macie_inventory.pipeline.prepare import check_scope, prepare
from macie_inventory.pipeline.schedule import Schedule
from macie_inventory.pipeline.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from macie_inventory.errors import MacieInventoryError
    from macie_inventory.model import Harvest, Plan, Target
    from macie_inventory.simulator import Simulator

QUICK = RetryPolicy(attempts=12, base_delay=0.002, max_delay=0.02, max_time=30.0)
"""A retry policy that spends its attempts, not the tests' time."""


def quick_limits(**changes: object) -> Limits:
    """Give limits for a server on this machine."""
    settings: dict[str, object] = {
        "concurrency": 20,
        "connect_timeout": 3.0,
        "read_timeout": 5.0,
        "retry_policy": QUICK,
        "region_cool_off": 0.1,
        "organizations_quota_share": 1.0,
    }
    return Limits(**(settings | changes))  # type: ignore[arg-type]


@contextmanager
def aws_environment(simulator: Simulator) -> Iterator[None]:
    """Point the SDK of this process at the simulator, and at nothing else."""
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update(simulator.environment())
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass(slots=True)
class Collected:
    """What a run without a database gave."""

    plan: Plan
    harvests: dict[Target, Harvest] = field(default_factory=dict)
    error: MacieInventoryError | None = None

    def job_ids(self) -> dict[tuple[str, str], set[str]]:
        """Give the ids of the jobs of every target that has some."""
        return {
            (target.account_id, target.region): {job.job_id for job in harvest.jobs}
            for target, harvest in self.harvests.items()
            if harvest.jobs
        }

    def outcomes(self) -> dict[tuple[str, str], str]:
        """Give the outcome of every target."""
        return {(target.account_id, target.region): str(harvest.outcome) for target, harvest in self.harvests.items()}


async def harvest_all(simulator: Simulator, scope: Scope | None = None, limits: Limits | None = None) -> Collected:
    """Discover, plan and list as `collect` does; every target is delivered exactly once."""
    scope = scope or Scope(region=tuple(simulator.world.regions))
    limits = limits or quick_limits()
    with aws_environment(simulator):
        async with open_aws(limits) as aws:
            collected = Collected((await prepare(aws, scope)).plan)

            async def deliver(harvest: Harvest) -> None:
                assert harvest.target not in collected.harvests, f"{harvest.target} was delivered twice"
                collected.harvests[harvest.target] = harvest

            lister = aws.lister(check_scope(scope), scope.role)
            schedule = Schedule(collected.plan.targets, cool_off=limits.region_cool_off)
            collected.error = await Workers(lister, schedule, deliver, width=limits.concurrency).run()
    return collected


def truth(simulator: Simulator) -> dict[tuple[str, str], set[str]]:
    """Give the ids of the jobs that a patient client must find."""
    return {target: {job.job_id for job in jobs} for target, jobs in simulator.world.truth().items() if jobs}
