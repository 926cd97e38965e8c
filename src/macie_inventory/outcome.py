"""What an answer that is no page means: whether to try again, and which outcome it is if that does not help; pure.

The tables follow the error codes of botocore's models and what was seen of the services; anything unknown that smells
of permission counts as denied and everything else as failed, never as empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from macie_inventory.model import Outcome

__all__ = ["OPT_IN_REGIONS", "Action", "Failure", "Kind", "Phase", "Verdict", "always_on", "judge"]

THROTTLE_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
EXPIRY_CODES = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "InternalServiceError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceException",
        "ServiceFailureException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ConcurrentModificationException",
    }
)
REGION_OFF_CODES = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired"})
SIGNATURE_CODES = frozenset(
    {
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
DENIED_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "Forbidden",
        "ForbiddenException",
        "NotAuthorized",
        "UnauthorizedAccess",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
MACIE_OFF_TEXTS = ("macie is not enabled", "not been onboarded")

OPT_IN_REGIONS = frozenset({"af-south-1", "ap-east-1", "eu-south-1", "il-central-1", "me-south-1"})
"""The regions with Macie that an account has to opt in to (2026)."""

_ALWAYS_ON = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)


def always_on(region: str) -> bool:
    """Tell whether no account can switch this region off; every region opened since 2019 can be.

    Source: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
    """
    return region in _ALWAYS_ON


class Phase(Enum):
    """Which stage met the failure."""

    ASSUME = auto()
    LIST = auto()


class Kind(Enum):
    """How a call failed."""

    RESPONSE = auto()
    """the service answered with an error"""
    NOT_A_LISTING = auto()
    """the service answered with success, but not with what the call promises"""
    CONNECT = auto()
    """no connection came about: DNS, refused, timed out while connecting, TLS"""
    BROKEN = auto()
    """the connection broke, or the answer did not come in time"""
    LOCAL = auto()
    """nothing was sent"""


class Action(Enum):
    """What to do about a failure."""

    RETRY = auto()
    RENEW = auto()
    """repeat with fresh credentials"""
    RESTART = auto()
    """begin this listing again"""
    PARK = auto()
    """leave the whole region for later"""
    STOP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One call that did not give what it promises."""

    phase: Phase
    kind: Kind
    code: str | None = None
    message: str = ""
    status: int | None = None
    request_id: str | None = None
    retry_after: float | None = None

    @property
    def throttled(self) -> bool:
        """Whether the service asks for fewer calls."""
        if self.kind is not Kind.RESPONSE:
            return False
        return self.code in THROTTLE_CODES or self.status == 429  # noqa: PLR2004 - a bare 429 has no code


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do now, and the outcome of the target if that does not help."""

    action: Action
    outcome: Outcome


_UNANSWERED = {
    (Kind.CONNECT, Phase.LIST): Verdict(Action.PARK, Outcome.REGION_UNREACHABLE),
    (Kind.CONNECT, Phase.ASSUME): Verdict(Action.RETRY, Outcome.FAILED),
    (Kind.NOT_A_LISTING, Phase.LIST): Verdict(Action.RETRY, Outcome.LISTING_INCOMPLETE),
    (Kind.NOT_A_LISTING, Phase.ASSUME): Verdict(Action.RETRY, Outcome.FAILED),
    (Kind.BROKEN, Phase.LIST): Verdict(Action.RETRY, Outcome.FAILED),
    (Kind.BROKEN, Phase.ASSUME): Verdict(Action.RETRY, Outcome.FAILED),
    (Kind.LOCAL, Phase.LIST): Verdict(Action.STOP, Outcome.FAILED),
    (Kind.LOCAL, Phase.ASSUME): Verdict(Action.STOP, Outcome.FAILED),
}
"""What it means when the service did not say what is wrong."""


def judge(failure: Failure, *, page: int = 1) -> Verdict:
    """Say what a failure means on this page (1-based) of a listing, or of an AssumeRole."""
    if failure.kind is not Kind.RESPONSE:
        return _UNANSWERED[failure.kind, failure.phase]
    if failure.throttled:
        return Verdict(Action.RETRY, Outcome.THROTTLED)
    code, status = failure.code or "", failure.status or 0
    if code in EXPIRY_CODES:
        return Verdict(Action.RENEW, Outcome.CREDENTIALS_EXPIRED)
    if code in TRANSIENT_CODES or status >= 500 or status == 408:  # noqa: PLR2004 - HTTP's own numbers
        return Verdict(Action.RETRY, Outcome.FAILED)
    if failure.phase is Phase.ASSUME:
        # STS has one AccessDenied for a missing role, a missing trust, a denial by SCP and a suspended account.
        denied = code in DENIED_CODES or (status == 403 and code not in SIGNATURE_CODES)  # noqa: PLR2004
        return Verdict(Action.STOP, Outcome.ROLE_DENIED if denied else Outcome.FAILED)
    return _judge_listing(code, status, failure.message, page)


def _judge_listing(code: str, status: int, message: str, page: int) -> Verdict:
    if any(text in message.lower() for text in MACIE_OFF_TEXTS) and status in (0, 400, 401, 403):
        return Verdict(Action.STOP, Outcome.MACIE_DISABLED)
    if code in REGION_OFF_CODES:
        return Verdict(Action.STOP, Outcome.REGION_DISABLED)
    if code in SIGNATURE_CODES:
        return Verdict(Action.STOP, Outcome.FAILED)
    if code in DENIED_CODES or status in (401, 403):
        return Verdict(Action.STOP, Outcome.ACCESS_DENIED)
    if page > 1 and status == 400:  # noqa: PLR2004 - on a later page only the token is new
        return Verdict(Action.RESTART, Outcome.LISTING_INCOMPLETE)
    return Verdict(Action.STOP, Outcome.FAILED)
