"""The organization of the demonstration: forty accounts, five regions, and a little of everything that goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from macie_inventory.simulator.conditions import Condition, ConditionKind
from macie_inventory.simulator.faults import Fault, FaultKind, FaultPlan, Rule
from macie_inventory.simulator.generate import generate_world

if TYPE_CHECKING:
    from macie_inventory.simulator.world import World

_REGIONS = ("us-east-1", "eu-west-1", "eu-central-1", "ap-southeast-2", "me-south-1")


def demo_world(
    *, accounts: int = 40, regions: int = 5, seed: int = 7, now: datetime | None = None
) -> tuple[World, FaultPlan]:
    """Return a world whose newest jobs are of today (or of `now`), and its plan of gaps and faults.

    Gaps: one role is missing, one service control policy denies a region, Macie is off in some places, the opt-in
    region is off in some accounts, one account is suspended. Faults: throttling, internal errors and resets that
    all recover.
    """
    world = generate_world(
        accounts=accounts, regions=_REGIONS[:regions], jobs=(0, 9), seed=seed, now=now or datetime.now(UTC)
    )
    return world, FaultPlan(
        conditions=(
            Condition(kind=ConditionKind.SUSPENDED, count=1),
            Condition(kind=ConditionKind.ROLE_MISSING, count=1),
            Condition(kind=ConditionKind.DENIED, count=1),
            Condition(kind=ConditionKind.MACIE_OFF, count=3),
            Condition(kind=ConditionKind.REGION_OFF, count=2),
        ),
        rules=(
            Rule(fault=Fault(kind=FaultKind.THROTTLE), probability=0.04),
            Rule(fault=Fault(kind=FaultKind.INTERNAL), service="macie2", probability=0.02),
            Rule(fault=Fault(kind=FaultKind.RESET), service="macie2", probability=0.01),
        ),
        max_consecutive=1,
        seed=seed,
    )
