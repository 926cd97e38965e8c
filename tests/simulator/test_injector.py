"""Faults are reproducible, bounded, and as frequent as the plan says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macie_inventory.simulator.api import Call
from macie_inventory.simulator.chance import chance
from macie_inventory.simulator.credentials import Credentials
from macie_inventory.simulator.faults import (
    HARMLESS,
    Fault,
    FaultKind,
    FaultPlan,
    Per,
    RateLimit,
    Rule,
)
from macie_inventory.simulator.injector import Injector

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGNER = Credentials(access_key="A", secret_key="s", token="t", account_id="111122223333", arn="", user_id="")


def call(region: str = "us-east-1", page: int = 1, operation: str = "ListClassificationJobs") -> Call:
    """Return a call of a session to Macie."""
    return Call(
        service="macie2",
        operation=operation,
        params={},
        signer=SIGNER,
        account_id=SIGNER.account_id,
        region=region,
        page=page,
    )


def decisions(plan: FaultPlan, calls: Sequence[Call]) -> list[FaultKind | None]:
    """Return what strikes each of some calls, one after the other."""
    injector = Injector(plan)
    struck = [injector.decide(one) for one in calls]
    return [fault.kind if fault else None for fault in struck]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), most=st.integers(0, 4), probability=st.floats(0.3, 1))
def test_no_page_fails_more_often_in_a_row_than_allowed(seed: int, most: int, probability: float) -> None:
    """However high the probability, every page gets through after the allowed number of failures."""
    plan = FaultPlan.recoverable(probability=probability, seed=seed, max_consecutive=most)
    injector = Injector(plan)
    in_a_row = {1: 0, 2: 0}
    for attempt in range(60):
        page = attempt % 2 + 1
        fault = injector.decide(call(page=page))
        in_a_row[page] = 0 if fault is None or fault.kind in HARMLESS else in_a_row[page] + 1
        assert in_a_row[page] <= most


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_order_of_calls_does_not_matter(seed: int) -> None:
    """The same calls meet the same faults when they come interleaved in another order."""
    plan = replace(FaultPlan.recoverable(probability=0.5, seed=seed), max_consecutive=None)
    kinds = frozenset(FaultKind) - {FaultKind.EXPIRED}
    plan = FaultPlan.recoverable(probability=0.5, seed=seed, kinds=kinds)
    regions = ["a", "b", "c"]
    one = [call(region) for region in regions for _ in range(5)]
    other = [call(region) for _ in range(5) for region in regions]
    by_region = [
        {
            region: [kind for kind, c in zip(decisions(plan, calls), calls, strict=True) if c.region == region]
            for region in regions
        }
        for calls in (one, other)
    ]
    assert by_region[0] == by_region[1]


def test_probability_and_seed() -> None:
    """About as many calls fail as the probability says, others with another seed."""
    calls = [call(str(number)) for number in range(2000)]
    plan = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.INTERNAL), probability=0.3),), seed=1)
    first = decisions(plan, calls)
    assert 500 < len(calls) - first.count(None) < 700
    assert first == decisions(plan, calls)
    assert first != decisions(replace(plan, seed=2), calls)


def test_every_recoverable_kind_happens() -> None:
    """Random plans use every kind of fault; those that make no sense for a call do not strike it."""
    calls = [call(str(number), page) for number in range(300) for page in (1, 2)]
    plan = FaultPlan.recoverable(probability=1, max_consecutive=5)
    kinds = decisions(plan, calls)
    assert set(kinds) - {None} == {fault.kind for fault in plan.chaos.faults} if plan.chaos else False
    assert FaultKind.INVALIDATED not in kinds[::2]
    assert kinds.count(FaultKind.EXPIRED) == 1


def test_chosen_kinds_and_services() -> None:
    """A recoverable plan can be narrowed down to kinds and services, but not to nothing."""
    plan = FaultPlan.recoverable(probability=1, kinds=[FaultKind.RESET], services=frozenset({"macie2"}))
    assert decisions(plan, [call()]) == [FaultKind.RESET]
    assert decisions(plan, [replace(call(), service="sts")]) == [None]
    with pytest.raises(ValueError, match="RECOVERABLE"):
        FaultPlan.recoverable(kinds=[FaultKind.ENDLESS])


@pytest.mark.parametrize(
    ("per", "expected"),
    [
        (Per.PAGE, [1, 0, 1, 1, 0]),
        (Per.TARGET, [1, 0, 0, 1, 0]),
        (Per.ACCOUNT, [1, 0, 0, 0, 0]),
        (Per.PLAN, [1, 0, 0, 0, 0]),
    ],
)
def test_how_often_a_rule_strikes(per: Per, expected: list[int]) -> None:
    """A rule that strikes once does so per page, target, account or plan."""
    plan = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.INTERNAL), times=1, per=per),))
    calls = [call("a", 1), call("a", 1), call("a", 2), call("b", 1), call("b", 1)]
    assert [int(kind is not None) for kind in decisions(plan, calls)] == expected


def test_the_first_rule_that_matches_decides() -> None:
    """Rules are tried in order; one that is spent or elsewhere makes room for the next."""
    here = Rule(fault=Fault(kind=FaultKind.RESET), regions=frozenset({"a"}), attempts=frozenset({1}))
    there = Rule(fault=Fault(kind=FaultKind.HTML), pages=frozenset({1}))
    plan = FaultPlan(rules=(here, there))
    assert decisions(plan, [call("a"), call("a"), call("b"), call("b", 2)]) == [
        FaultKind.RESET,
        FaultKind.HTML,
        FaultKind.HTML,
        None,
    ]


def test_a_bucket_fills_with_time() -> None:
    """A token bucket admits its burst and then its rate, by the clock."""
    now = [0.0]
    plan = FaultPlan(rate_limits=(RateLimit(rate=2, burst=3, retry_after=1),))
    injector = Injector(plan, lambda: now[0])
    assert [injector.decide(call()) is None for _ in range(4)] == [True, True, True, False]
    now[0] = 0.4
    assert injector.decide(call()) == Fault(kind=FaultKind.THROTTLE, retry_after=1)
    now[0] = 0.5
    assert injector.decide(call()) is None
    now[0] = 100
    assert [injector.decide(call()) is None for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4))
def test_chance_is_a_probability(parts: list[str]) -> None:
    """Chance lies between 0 and 1 and depends on its parts only."""
    assert 0 <= chance(*parts) < 1
    assert chance(*parts) == chance(*parts)
