"""Fixtures of the tests of what people see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from macie_inventory.simulator import (
    Condition,
    ConditionKind,
    Fault,
    FaultKind,
    FaultPlan,
    Rule,
    generate_world,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from macie_inventory.simulator import Simulator, World

THROTTLING = Rule(fault=Fault(kind=FaultKind.THROTTLE), service="macie2", probability=0.1)
GAPS = (Condition(kind=ConditionKind.ROLE_MISSING, count=2), Condition(kind=ConditionKind.DENIED, count=3))


@pytest.fixture
def organization() -> Iterator[Simulator]:
    """Serve 20 accounts in 3 regions, with 9 gaps and throttling."""
    with running(_world(), faults=FaultPlan(rules=(THROTTLING,), conditions=GAPS, max_consecutive=1)) as simulator:
        yield simulator


@pytest.fixture
def slow_organization() -> Iterator[Simulator]:
    """Serve the same, with two answers that take their time, one after the other."""
    world = _world()
    rules = (
        Rule(fault=Fault(kind=FaultKind.DELAY, seconds=1.2), **_first_call(world.caller_account_id, "us-east-1")),
        Rule(fault=Fault(kind=FaultKind.DELAY, seconds=2.4), **_first_call(world.caller_account_id, "us-east-2")),
        THROTTLING,
    )
    with running(world, faults=FaultPlan(rules=rules, conditions=GAPS, max_consecutive=1)) as simulator:
        yield simulator


def _world() -> World:
    return generate_world(accounts=20, regions=3, jobs=(0, 6), seed=3)


def _first_call(account_id: str, region: str) -> dict[str, Any]:
    return {"service": "macie2", "accounts": frozenset({account_id}), "regions": frozenset({region}), "times": 1}
