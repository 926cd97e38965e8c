"""The values that the stages hand to each other.

Moments are UTC, as text of one width (`2026-11-01T09:30:00.000000Z`): they sort as text, every SQL database reads
them, and no conversion stands between a stage and the next. `timestamp` and `parse_timestamp` are the two ways in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Account",
    "Exclusion",
    "Harvest",
    "Job",
    "JobCounts",
    "Outcome",
    "Plan",
    "RunStart",
    "RunStatus",
    "Target",
    "parse_timestamp",
    "timestamp",
]


def timestamp(moment: datetime) -> str:
    """Write an aware moment as UTC text of fixed width, to the microsecond."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_timestamp(text: str) -> datetime:
    """Read what `timestamp` wrote; the result is aware and in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


class RunStatus(StrEnum):
    """How a run stands or ended, as in `runs.status`."""

    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Outcome(StrEnum):
    """What became of one target in one run, as in `targets.outcome`."""

    COLLECTED = "collected"
    MACIE_DISABLED = "macie_disabled"
    REGION_DISABLED = "region_disabled"
    ACCESS_DENIED = "access_denied"
    ROLE_DENIED = "role_denied"
    REGION_UNREACHABLE = "region_unreachable"
    THROTTLED = "throttled"
    CREDENTIALS_EXPIRED = "credentials_expired"
    LISTING_INCOMPLETE = "listing_incomplete"
    FAILED = "failed"
    NOT_ATTEMPTED = "not_attempted"

    @property
    def covered(self) -> bool:
        """Whether the inventory is certain about this target: read to its end, or known to have nothing to read."""
        return self in COVERED


COVERED = frozenset({Outcome.COLLECTED, Outcome.MACIE_DISABLED, Outcome.REGION_DISABLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One AWS account as discovery knows it; what was not read is None."""

    account_id: str
    name: str | None = None
    email: str | None = None
    state: str | None = None
    arn: str | None = None
    parent_id: str | None = None
    ou_path: str | None = None
    tags: Mapping[str, str] | None = None
    is_management: bool | None = None


class Target(NamedTuple):
    """One account × region: the unit of collecting, of storing and of being covered."""

    account_id: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """What a run does not visit, and why; a None means every account, or every region."""

    account_id: str | None = None
    region: str | None = None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every target of a run in the order of visiting, every exclusion, and what the user should know beforehand."""

    accounts: Sequence[Account]
    targets: Sequence[Target]
    exclusions: Sequence[Exclusion] = ()
    warnings: Sequence[str] = ()


class Job(NamedTuple):
    """One job as received: its key, its JSON text, and a digest of that text.

    Only what changed is taken apart into columns and child rows; the digest tells whether it did.
    """

    job_id: str
    raw: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """All that one target yielded: the jobs that were read, and exactly one outcome.

    `api_calls` counts the ListClassificationJobs requests that were sent, retries included; `retries` those that
    repeated another; `throttles` those that were answered by throttling.
    """

    target: Target
    outcome: Outcome
    jobs: Sequence[Job] = field(default=(), repr=False)
    error_code: str | None = None
    error_message: str | None = None
    http_status: int | None = None
    request_id: str | None = None
    pages: int = 0
    api_calls: int = 0
    retries: int = 0
    throttles: int = 0
    started_at: str | None = None
    finished_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """What is known of a run before its first target, as stored in `runs`."""

    run_id: str
    started_at: str
    tool_version: str
    caller_arn: str
    partition: str
    scope: Mapping[str, Any]
    filter_criteria: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCounts:
    """What writing harvests did to the jobs that were known."""

    seen: int = 0
    appeared: int = 0
    updated: int = 0
    disappeared: int = 0
    reappeared: int = 0

    def __add__(self, other: JobCounts) -> JobCounts:
        """Add count by count."""
        return JobCounts(
            seen=self.seen + other.seen,
            appeared=self.appeared + other.appeared,
            updated=self.updated + other.updated,
            disappeared=self.disappeared + other.disappeared,
            reappeared=self.reappeared + other.reappeared,
        )
