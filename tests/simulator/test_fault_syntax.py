"""The text form of fault plans says what it means, and errors name what is possible."""

from __future__ import annotations

import pytest

from macie_inventory.simulator import (
    Condition,
    ConditionKind,
    Fault,
    FaultKind,
    FaultPlan,
    RateLimit,
    Rule,
    parse_faults,
)
from macie_inventory.simulator.fault_syntax import kinds
from macie_inventory.simulator.faults import EndlessJobs, Per


def rule(kind: FaultKind, **when: object) -> FaultPlan:
    """Return a plan of one rule."""
    return FaultPlan(rules=(Rule(fault=Fault(kind=kind), **when),))  # type: ignore[arg-type]


def condition(kind: ConditionKind, **where: object) -> FaultPlan:
    """Return a plan of one condition."""
    return FaultPlan(conditions=(Condition(kind=kind, **where),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("", FaultPlan()),
        ("throttle", rule(FaultKind.THROTTLE)),
        ("throttle=0.1", rule(FaultKind.THROTTLE, probability=0.1)),
        ("throttle=10%", rule(FaultKind.THROTTLE, probability=0.1)),
        ("reset=3", rule(FaultKind.RESET, times=3)),
        ("reset@sts", rule(FaultKind.RESET, service="sts")),
        ("reset=3@sts:AssumeRole", rule(FaultKind.RESET, times=3, service="sts", operation="AssumeRole")),
        (
            "invalid-token:page=2:attempt=1:per=page:times=1",
            rule(FaultKind.INVALIDATED, pages=frozenset({2}), attempts=frozenset({1}), per=Per.PAGE, times=1),
        ),
        (
            "endless-token:jobs=none",
            FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.ENDLESS, jobs=EndlessJobs.NONE)),)),
        ),
        (
            "hang=5%:1.5s",
            FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.HANG, seconds=1.5), probability=0.05),)),
        ),
        (
            "error:status=402:code=Quota:message=too much:retry-after=2",
            FaultPlan(
                rules=(
                    Rule(
                        fault=Fault(kind=FaultKind.ERROR, status=402, code="Quota", message="too much", retry_after=2)
                    ),
                )
            ),
        ),
        ("role-missing=3", condition(ConditionKind.ROLE_MISSING, count=3)),
        ("suspended", condition(ConditionKind.SUSPENDED)),
        ("macie-off=5%", condition(ConditionKind.MACIE_OFF, share=0.05)),
        ("macie-off=0.05", condition(ConditionKind.MACIE_OFF, share=0.05)),
        ("region-off=me-south-1", condition(ConditionKind.REGION_OFF, regions=frozenset({"me-south-1"}))),
        (
            "denied=111122223333/us-east-1",
            condition(ConditionKind.DENIED, accounts=frozenset({"111122223333"}), regions=frozenset({"us-east-1"})),
        ),
        (
            "role-missing=111122223333+444455556666",
            condition(ConditionKind.ROLE_MISSING, accounts=frozenset({"111122223333", "444455556666"})),
        ),
        ("rate=5/10@macie2", FaultPlan(rate_limits=(RateLimit(rate=5, burst=10, service="macie2"),))),
        ("rate=5", FaultPlan(rate_limits=(RateLimit(rate=5, burst=5),))),
        ("recoverable=30%", FaultPlan.recoverable(probability=0.3)),
        ("seed=7, max-consecutive=1", FaultPlan(seed=7, max_consecutive=1)),
    ],
)
def test_what_a_text_means(text: str, plan: FaultPlan) -> None:
    """Each form of an item becomes the rule, condition, limit or setting that the module describes."""
    assert parse_faults(text) == plan


def test_items_add_up_in_order() -> None:
    """Several items stand in the plan in the order in which they were written."""
    plan = parse_faults("throttle=1%, html=2, role-missing=1, denied=2")
    assert [rule.fault.kind for rule in plan.rules] == [FaultKind.THROTTLE, FaultKind.HTML]
    assert [condition.kind for condition in plan.conditions] == [ConditionKind.ROLE_MISSING, ConditionKind.DENIED]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("storm=1", "cut-body"),
        ("throttle=200%", "200%"),
        ("throttle=often", "often"),
        ("throttle:loud", "retry-after"),
        ("throttle:per=day", "day"),
        ("macie-off=here", "here"),
        ("macie-off:1s", "no options"),
        ("seed=x", "seed=x"),
        ("rate", "rate"),
        ("=1", "NAME"),
    ],
)
def test_errors_say_what_is_wrong(text: str, word: str) -> None:
    """What can't be read is quoted, with what could have stood there."""
    with pytest.raises(ValueError, match=word) as error:
        parse_faults(f"html=1,{text}")
    assert text in str(error.value)


def test_every_name_can_be_parsed() -> None:
    """Each name that the errors offer is understood."""
    values = {"rate": "=1", "recoverable": "=1%", "seed": "=1", "max-consecutive": "=1"}
    for name in kinds():
        assert parse_faults(name + values.get(name, "")) != FaultPlan()
