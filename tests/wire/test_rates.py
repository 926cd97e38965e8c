"""Rate control: what is refused is counted, learned from, and costs nobody else a slot."""

from __future__ import annotations

import time

import pytest
from tests.support.line import harvest_all, quick_limits, truth

from macie_inventory.backoff import RetryPolicy
from macie_inventory.config import Scope
from macie_inventory.simulator import Fault, FaultKind, FaultPlan, RateLimit, Rule, generate_world, serve

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("rate", "burst"), [(20.0, 1.0), (10.0, 3.0), (5.0, 2.0)])
async def test_a_limited_target_is_paced(rate: float, burst: float) -> None:
    """Under a token bucket per account and region, at most 1.3 times the needed calls are sent."""
    world = generate_world(accounts=6, regions=2, jobs=24, seed=9)
    plan = FaultPlan(rate_limits=(RateLimit(service="macie2", rate=rate, burst=burst),))
    limits = quick_limits(retry_policy=RetryPolicy())
    async with serve(world, faults=plan) as simulator:
        collected = await harvest_all(simulator, Scope(region=tuple(world.regions), page_size=2), limits)
        sent, throttled = simulator.calls.count(service="macie2"), simulator.calls.throttled
    needed = 12 * len(collected.harvests)
    assert collected.job_ids() == truth(simulator)
    assert throttled > 0, "the limit was never met"
    assert sent <= 1.3 * needed, f"{sent} calls for {needed} pages"


async def test_counts_agree_with_the_server() -> None:
    """Calls, retries and throttles of every target are what the server counted."""
    world = generate_world(accounts=12, regions=3, jobs=7, seed=9)
    kinds = {FaultKind.THROTTLE, FaultKind.THROTTLE_BARE, FaultKind.INTERNAL, FaultKind.NOT_JSON, FaultKind.INVALIDATED}
    plan = FaultPlan.recoverable(probability=0.3, kinds=kinds, seed=2, services=frozenset({"macie2"}))
    async with serve(world, faults=plan) as simulator:
        collected = await harvest_all(simulator, Scope(region=tuple(world.regions), page_size=3))
        for target, harvest in collected.harvests.items():
            received = simulator.calls.count(service="macie2", account_id=target.account_id, region=target.region)
            assert harvest.api_calls == received
        assert sum(harvest.throttles for harvest in collected.harvests.values()) == simulator.calls.throttled
        assert simulator.calls.throttled > 0
    assert all(harvest.retries == harvest.api_calls - harvest.pages for harvest in collected.harvests.values())


async def test_calls_of_one_target_are_sequential() -> None:
    """The service never sees two calls of one account and region at once."""
    world = generate_world(accounts=10, regions=2, jobs=9, seed=9)
    plan = FaultPlan.recoverable(probability=0.5, kinds={FaultKind.DELAY, FaultKind.RESET}, seed=2)
    async with serve(world, faults=plan) as simulator:
        await harvest_all(simulator, Scope(region=tuple(world.regions), page_size=3))
        assert set(simulator.calls.peak_by_target.values()) == {1}


async def test_a_throttled_target_holds_no_slot() -> None:
    """With one slot and one target that is told to come back in a second, the others are done meanwhile."""
    world = generate_world(accounts=8, regions=1, jobs=2, seed=9)
    slow = next(account for account in world.accounts if account != world.caller_account_id)
    fault = Fault(kind=FaultKind.THROTTLE, retry_after=1)
    plan = FaultPlan(rules=(Rule(fault=fault, service="macie2", accounts=frozenset({slow}), times=3),))
    async with serve(world, faults=plan) as simulator:
        collected = await harvest_all(simulator, limits=quick_limits(concurrency=1))
    order = list(collected.harvests)
    assert order[-1].account_id == slow
    assert set(collected.outcomes().values()) == {"collected"}


async def test_retry_after_is_honoured() -> None:
    """A target that was told to come back in two seconds is not asked again before."""
    world = generate_world(accounts=1, regions=1, jobs=2, seed=9)
    plan = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.THROTTLE, retry_after=2), service="macie2", times=1),))
    async with serve(world, faults=plan) as simulator:
        began = time.monotonic()
        collected = await harvest_all(simulator)
        lasted = time.monotonic() - began
    assert next(iter(collected.harvests.values())).api_calls == 2
    assert lasted >= 2
