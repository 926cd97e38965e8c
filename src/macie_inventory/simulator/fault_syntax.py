"""The text form of a plan of faults, as `simulate --faults` takes it.

    throttle=10%,internal=0.05,role-missing=3,macie-off=5%,region-off=me-south-1,rate=5/10@macie2

Items stand between commas; each is `NAME[=VALUE][:OPTION…][@SERVICE[:OPERATION]]`.

A fault of calls (`throttle`, `internal`, `reset`, …: `FaultKind`) takes a probability (`0.1`, `10%`) or the number of
times that it strikes each account and region (`3`); without a value it always strikes. Its options: `5s` (how long),
`status=500`, `code=X`, `message=X`, `retry-after=2`, `page=2`, `attempt=1`, `times=1`, `per=page|target|account|plan`,
`jobs=new|same|none`, `cycle=2`.

A lasting state (`macie-off`, `not-onboarded`, `denied`, `region-off`, `role-missing`, `suspended`) takes a number,
a share (`5%`), or names joined by `+`: accounts, regions, or `ACCOUNT/REGION` (one only).

`recoverable=30%` strikes with random faults that a patient client survives; `rate=5/10` is a token bucket of 5 calls
per second and 10 at once; `max-consecutive=2` and `seed=7` belong to the whole plan.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from macie_inventory.simulator.conditions import Condition, ConditionKind
from macie_inventory.simulator.faults import EndlessJobs, Fault, FaultKind, FaultPlan, Per, RateLimit, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ITEM = re.compile(r"(?P<name>[a-z-]+)(=(?P<value>[^:@]*))?(?P<options>(:[^:@]+)*)(@(?P<scope>[\w:]+))?")
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d+")
_SETTINGS = ("max-consecutive", "rate", "recoverable", "seed")
_DEFAULT_CONSECUTIVE = 2

_FAULT_OPTIONS: Mapping[str, Callable[[str], object]] = {
    "status": int,
    "code": str,
    "message": str,
    "retry-after": float,
    "jobs": EndlessJobs,
    "cycle": int,
}
_RULE_OPTIONS: Mapping[str, Callable[[str], object]] = {
    "page": lambda text: frozenset({int(text)}),
    "attempt": lambda text: frozenset({int(text)}),
    "times": int,
    "per": Per,
}


def kinds() -> tuple[str, ...]:
    """Return every name that an item can have."""
    return tuple(sorted({*FaultKind, *ConditionKind, *_SETTINGS}))


def parse_faults(text: str) -> FaultPlan:
    """Return the plan that a text describes (see the module); ValueError names the item that makes no sense."""
    plan = FaultPlan()
    for item in filter(None, (part.strip() for part in text.split(","))):
        found = _ITEM.fullmatch(item)
        if not found:
            raise ValueError(f"cannot read the fault {item!r}: write NAME[=VALUE][:OPTION][@SERVICE[:OPERATION]]")
        name, value, scope = found["name"], found["value"] or "", found["scope"] or ""
        options = [option for option in found["options"].split(":") if option]
        try:
            plan = _added(plan, name, value, options, scope)
        except ValueError as error:
            raise ValueError(f"cannot read the fault {item!r}: {error}") from None
    return plan


def _added(plan: FaultPlan, name: str, value: str, options: list[str], scope: str) -> FaultPlan:
    service, _, operation = scope.partition(":")
    if name in set(FaultKind):
        rule = Rule(fault=Fault(kind=FaultKind(name)), service=service or None, operation=operation or None)
        return replace(plan, rules=(*plan.rules, _with_options(_with_value(rule, value), options)))
    if name in set(ConditionKind):
        if options or scope:
            raise ValueError(f"{name} takes no options")
        return replace(plan, conditions=(*plan.conditions, _condition(ConditionKind(name), value)))
    if name == "rate":
        rate, _, burst = value.partition("/")
        limit = RateLimit(rate=float(rate), burst=float(burst or rate), service=service or None)
        return replace(plan, rate_limits=(*plan.rate_limits, replace(limit, operation=operation or None)))
    if name == "recoverable":
        chaos = FaultPlan.recoverable(probability=_probability(value)).chaos
        consecutive = _DEFAULT_CONSECUTIVE if plan.max_consecutive is None else plan.max_consecutive
        return replace(plan, chaos=chaos, max_consecutive=consecutive)
    if name == "max-consecutive":
        return replace(plan, max_consecutive=int(value))
    if name == "seed":
        return replace(plan, seed=int(value))
    raise ValueError(f"there is no fault {name!r}: use one of {', '.join(kinds())}")


def _with_value(rule: Rule, value: str) -> Rule:
    if not value:
        return rule
    if value.isdigit():
        return replace(rule, times=int(value))
    return replace(rule, probability=_probability(value))


def _with_options(rule: Rule, options: list[str]) -> Rule:
    fault: dict[str, object] = {}
    when: dict[str, object] = {}
    for option in options:
        name, _, value = option.partition("=")
        if name in _FAULT_OPTIONS:
            fault[name.replace("-", "_")] = _FAULT_OPTIONS[name](value)
        elif name in _RULE_OPTIONS:
            when[{"page": "pages", "attempt": "attempts"}.get(name, name)] = _RULE_OPTIONS[name](value)
        elif re.fullmatch(r"[\d.]+s", option):
            fault["seconds"] = float(option[:-1])
        else:
            known = ("5s", *_FAULT_OPTIONS, *_RULE_OPTIONS)
            raise ValueError(f"there is no option {name!r}: use one of {', '.join(known)}")
    changed: Fault = replace(rule.fault, **fault)  # type: ignore[arg-type]
    return replace(rule, fault=changed, **when)  # type: ignore[arg-type]


def _condition(kind: ConditionKind, value: str) -> Condition:
    if not value:
        return Condition(kind=kind)
    if value.isdigit() and not _ACCOUNT.fullmatch(value):
        return Condition(kind=kind, count=int(value))
    if value.endswith("%") or (value.replace(".", "", 1).isdigit() and "." in value):
        return Condition(kind=kind, share=_probability(value))
    names = value.replace("/", "+").split("+")
    accounts = frozenset(name for name in names if _ACCOUNT.fullmatch(name))
    regions = frozenset(name for name in names if _REGION.fullmatch(name))
    unknown = set(names) - accounts - regions
    if unknown:
        raise ValueError(f"{min(unknown)!r} is no number, share, account id or region")
    return Condition(kind=kind, accounts=accounts or None, regions=regions or None)


def _probability(value: str) -> float:
    number = float(value[:-1]) / 100 if value.endswith("%") else float(value)
    if not 0 <= number <= 1:
        raise ValueError(f"{value} is no probability: write 0.1 or 10%")
    return number
