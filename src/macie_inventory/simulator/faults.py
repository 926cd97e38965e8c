"""What can go wrong with a call, and when: plans of faults, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from macie_inventory.simulator.conditions import Condition


class FaultKind(StrEnum):
    """What happens to a call. The values are the names in `simulate --faults`."""

    THROTTLE = "throttle"  # the service's own throttling error; `code`, `status` may replace its own
    THROTTLE_BARE = "throttle-bare"  # 429 without code and body
    ERROR = "error"  # any `status`, `code` and `message`
    INTERNAL = "internal"  # the service's own internal error, 500
    UNAVAILABLE = "unavailable"  # 503 with an HTML body
    RESET = "reset"  # connection reset instead of an answer
    RESET_BODY = "reset-body"  # connection reset within the body
    CUT_BODY = "cut-body"  # connection closed before Content-Length is reached
    CUT_CHUNKED = "cut-chunked"  # connection closed within a chunked body
    HTML = "html"  # HTTP 200 with an HTML page
    NOT_JSON = "not-json"  # HTTP 200, application/json, half of a JSON text
    NO_ITEMS = "no-items"  # HTTP 200, an empty JSON object
    DELAY = "delay"  # the right answer, `seconds` later
    HANG = "hang"  # nothing for `seconds` (None: until either side closes), then a reset
    EXPIRED = "expired-token"  # the signer's session expires now
    EARLY_EXPIRY = "early-expiry"  # AssumeRole: credentials live only `seconds`, whatever was announced
    WRONG_ACCOUNT = "wrong-account"  # AssumeRole: credentials of another account
    REPEATED = "repeated-token"  # the next token is the one that was sent
    CYCLIC = "cyclic-token"  # the tokens come round again after `cycle` pages
    ENDLESS = "endless-token"  # always another token, with `jobs` on the pages
    INVALIDATED = "invalid-token"  # a page after the first is refused
    INSERT_JOB = "insert-job"  # a job is created, older than all others, before this page is read


class EndlessJobs(StrEnum):
    """What stands on the pages of an endless listing."""

    NEW = "new"
    SAME = "same"
    NONE = "none"


class Per(StrEnum):
    """What `Rule.times` counts by."""

    PAGE = "page"
    TARGET = "target"
    ACCOUNT = "account"
    PLAN = "plan"


THROTTLES = frozenset({FaultKind.THROTTLE, FaultKind.THROTTLE_BARE})
LISTING_KINDS = frozenset({FaultKind.REPEATED, FaultKind.CYCLIC, FaultKind.ENDLESS, FaultKind.INSERT_JOB})
"""Faults of the answer's content: the call itself succeeds."""
ASSUME_KINDS = frozenset({FaultKind.EARLY_EXPIRY, FaultKind.WRONG_ACCOUNT})
HARMLESS = LISTING_KINDS | ASSUME_KINDS | {FaultKind.DELAY}
"""Faults with which the call itself succeeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong; the other members only matter to some kinds (see `FaultKind`).

    `seconds` and `retry_after` (sent as the header Retry-After) are in seconds.
    """

    kind: FaultKind
    status: int | None = None
    code: str | None = None
    message: str | None = None
    seconds: float | None = None
    retry_after: float | None = None
    jobs: EndlessJobs = EndlessJobs.NEW
    cycle: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a fault happens: all that is given has to match.

    `pages` are the numbers of a listing's pages, `attempts` count the requests of one page (both from 1).
    `probability` is decided by the plan's seed, not by the order of calls. After `times` (counted `per` page,
    target, account or plan) the rule is spent.
    """

    fault: Fault
    service: str | None = None
    operation: str | None = None
    accounts: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    pages: frozenset[int] | None = None
    attempts: frozenset[int] | None = None
    probability: float = 1.0
    times: int | None = None
    per: Per = Per.TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """Random faults: every call fails with `probability`, in one of the ways of `faults`.

    An expired session happens once per account, a refused token once per target, because a client cannot
    be asked to survive more; neither happens where it makes no sense.
    """

    probability: float
    faults: tuple[Fault, ...]
    services: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A token bucket (`rate` calls per second, `burst` at most at once) per charged account, region and operation.

    Without a service or operation it holds for all of them. STS and Organizations charge the calling account.
    """

    rate: float
    burst: float
    service: str | None = None
    operation: str | None = None
    retry_after: float | None = None


ORGANIZATIONS_LIMITS = (
    RateLimit(service="organizations", operation="ListAccounts", rate=8, burst=12),
    RateLimit(service="organizations", operation="ListAccountsForParent", rate=5, burst=8),
    RateLimit(service="organizations", operation="ListOrganizationalUnitsForParent", rate=5, burst=8),
    RateLimit(service="organizations", operation="ListTagsForResource", rate=10, burst=15),
    RateLimit(service="organizations", operation="DescribeOrganization", rate=1, burst=2),
)
"""The rates that AWS publishes ("Quotas for AWS Organizations")."""

RECOVERABLE = (
    Fault(kind=FaultKind.THROTTLE),
    Fault(kind=FaultKind.THROTTLE, retry_after=0),
    Fault(kind=FaultKind.THROTTLE_BARE),
    Fault(kind=FaultKind.INTERNAL),
    Fault(kind=FaultKind.UNAVAILABLE),
    Fault(kind=FaultKind.RESET),
    Fault(kind=FaultKind.RESET_BODY),
    Fault(kind=FaultKind.CUT_BODY),
    Fault(kind=FaultKind.CUT_CHUNKED),
    Fault(kind=FaultKind.HTML),
    Fault(kind=FaultKind.NOT_JSON),
    Fault(kind=FaultKind.NO_ITEMS),
    Fault(kind=FaultKind.DELAY, seconds=0.02),
    Fault(kind=FaultKind.HANG, seconds=0.5),
    Fault(kind=FaultKind.EXPIRED),
    Fault(kind=FaultKind.INVALIDATED),
)
"""Everything that a patient client survives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """All that shall go wrong. The first rule that matches decides, then the random faults.

    With `max_consecutive` no page is refused more often than that in a row (rate limits do not count).
    `conditions` change the world when it is served.
    """

    rules: tuple[Rule, ...] = ()
    chaos: Chaos | None = None
    rate_limits: tuple[RateLimit, ...] = ()
    conditions: tuple[Condition, ...] = field(default=())
    max_consecutive: int | None = None
    seed: int = 0

    @classmethod
    def recoverable(
        cls,
        *,
        probability: float = 0.3,
        kinds: Iterable[FaultKind] | None = None,
        seed: int = 0,
        max_consecutive: int = 2,
        services: frozenset[str] | None = None,
    ) -> FaultPlan:
        """Return a plan of random faults, all of which a client survives that repeats a page often enough.

        `kinds` (default: every kind in `RECOVERABLE`) and `services` (default: all) narrow it down.
        """
        chosen = None if kinds is None else frozenset(kinds)
        faults = tuple(fault for fault in RECOVERABLE if chosen is None or fault.kind in chosen)
        if not faults:
            raise ValueError("no recoverable fault is of these kinds: choose from RECOVERABLE")
        chaos = Chaos(probability=probability, faults=faults, services=services)
        return cls(chaos=chaos, seed=seed, max_consecutive=max_consecutive)


NO_FAULTS = FaultPlan()
