"""Decides, call by call, whether a plan's fault strikes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from macie_inventory.simulator.chance import chance
from macie_inventory.simulator.faults import (
    ASSUME_KINDS,
    HARMLESS,
    LISTING_KINDS,
    Fault,
    FaultKind,
    FaultPlan,
    Per,
    RateLimit,
    Rule,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from macie_inventory.simulator.api import Call

_LISTINGS = ("macie2", "ListClassificationJobs")


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Injector:
    """A plan with its memory: attempts per page, failures in a row, rules that are spent, token buckets."""

    def __init__(self, plan: FaultPlan, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._plan = plan
        self._monotonic = monotonic
        self._attempts: Counter[tuple[object, ...]] = Counter()
        self._in_a_row: Counter[tuple[object, ...]] = Counter()
        self._spent: Counter[tuple[object, ...]] = Counter()
        self._buckets: dict[tuple[object, ...], _Bucket] = {}
        self._idle = not (plan.rules or plan.chaos or plan.rate_limits)

    def decide(self, call: Call) -> Fault | None:
        """Return the fault that strikes this call, None when it goes well."""
        if self._idle:
            return None
        page = (call.service, call.operation, call.account_id, call.region, call.page)
        self._attempts[page] += 1
        for number, limit in enumerate(self._plan.rate_limits):
            if not self._admitted(number, limit, call):
                return Fault(kind=FaultKind.THROTTLE, retry_after=limit.retry_after)
        struck = self._by_rule(call, page) or self._by_chaos(call, page)
        if struck is None:
            self._in_a_row[page] = 0
            return None
        spent, fault = struck
        if fault.kind in HARMLESS:
            self._in_a_row[page] = 0
        elif self._plan.max_consecutive is not None and self._in_a_row[page] >= self._plan.max_consecutive:
            self._in_a_row[page] = 0
            return None
        else:
            self._in_a_row[page] += 1
        self._spent[spent] += 1
        return fault

    def _by_rule(self, call: Call, page: tuple[object, ...]) -> tuple[tuple[object, ...], Fault] | None:
        for number, rule in enumerate(self._plan.rules):
            if not _matches(rule, call, self._attempts[page]) or not _possible(rule.fault.kind, call):
                continue
            spent = (number, *_counted(rule.per, call, page))
            if rule.times is not None and self._spent[spent] >= rule.times:
                continue
            if rule.probability >= 1 or self._chance("rule", number, page) < rule.probability:
                return spent, rule.fault
        return None

    def _by_chaos(self, call: Call, page: tuple[object, ...]) -> tuple[tuple[object, ...], Fault] | None:
        chaos = self._plan.chaos
        if chaos is None or (chaos.services is not None and call.service not in chaos.services):
            return None
        if self._chance("chaos", page) >= chaos.probability:
            return None
        faults = [fault for fault in chaos.faults if _possible(fault.kind, call)]
        if not faults:
            return None
        fault = faults[int(self._chance("kind", page) * len(faults))]
        per = {FaultKind.EXPIRED: Per.ACCOUNT, FaultKind.INVALIDATED: Per.TARGET}.get(fault.kind)
        spent = ("chaos", fault.kind, *_counted(per, call, page)) if per else ("chaos",)
        return None if per and self._spent[spent] else (spent, fault)

    def _chance(self, what: str, *parts: object) -> float:
        page = parts[-1]
        return chance(self._plan.seed, what, *parts, self._attempts[page])  # type: ignore[index]

    def _admitted(self, number: int, limit: RateLimit, call: Call) -> bool:
        if (limit.service or call.service) != call.service or (limit.operation or call.operation) != call.operation:
            return True
        charged = call.signer.account_id
        now = self._monotonic()
        key = (number, call.service, call.operation, charged, call.region)
        bucket = self._buckets.setdefault(key, _Bucket(limit.burst, now))
        bucket.tokens = min(limit.burst, bucket.tokens + (now - bucket.filled_at) * limit.rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _matches(rule: Rule, call: Call, attempt: int) -> bool:
    return (
        (rule.service is None or rule.service == call.service)
        and (rule.operation is None or rule.operation == call.operation)
        and (rule.accounts is None or call.account_id in rule.accounts)
        and (rule.regions is None or call.region in rule.regions)
        and (rule.pages is None or call.page in rule.pages)
        and (rule.attempts is None or attempt in rule.attempts)
    )


def _possible(kind: FaultKind, call: Call) -> bool:
    """Tell whether a fault makes sense for this call, where its rule does not say so itself."""
    if kind in LISTING_KINDS:
        return (call.service, call.operation) == _LISTINGS
    if kind in ASSUME_KINDS:
        return call.operation == "AssumeRole"
    if kind is FaultKind.EXPIRED:
        return call.signer.is_session
    return kind is not FaultKind.INVALIDATED or call.page > 1


def _counted(per: Per, call: Call, page: tuple[object, ...]) -> tuple[object, ...]:
    match per:
        case Per.PAGE:
            return page
        case Per.TARGET:
            return page[:-1]
        case Per.ACCOUNT:
            return (call.account_id,)
        case Per.PLAN:
            return ()
