"""Report: a run as the object and the text that people and programs read; pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from macie_inventory.model import Outcome, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from macie_inventory.model import Account, Plan
    from macie_inventory.store import Gap, RunSummary

__all__ = [
    "EXIT_CODES",
    "GapCause",
    "duration_text",
    "gap_causes",
    "gap_hint",
    "plan_as_json",
    "plan_as_text",
    "printable",
    "run_as_json",
    "runs_as_text",
]

EXIT_CODES = {
    RunStatus.COMPLETE: 0,
    RunStatus.FAILED: 1,
    RunStatus.PARTIAL: 3,
    RunStatus.INTERRUPTED: 130,
}
"""The exit code that a run's status means."""

_HINTS = {
    Outcome.ACCESS_DENIED: "allow macie2:ListClassificationJobs to the role there, and look for a denying SCP",
    Outcome.ROLE_DENIED: "create the role there, or mend its trust policy: `macie-inventory iam` prints both",
    Outcome.REGION_UNREACHABLE: "check DNS, proxies and firewalls, or leave the region out with --exclude-region",
    Outcome.THROTTLED: "run `collect --resume` later, or with a lower --concurrency",
    Outcome.CREDENTIALS_EXPIRED: "run `collect --resume`; if it stays, compare the clocks",
    Outcome.LISTING_INCOMPLETE: "run `collect --resume`; what was read is stored",
    Outcome.FAILED: "read the error, then run `collect --resume`",
    Outcome.NOT_ATTEMPTED: "run `collect --resume` to go on",
}


def gap_hint(outcome: Outcome) -> str:
    """Give the next step for a gap of this kind."""
    return _HINTS.get(outcome, "")


def run_as_json(summary: RunSummary, gaps: Iterable[Gap]) -> dict[str, Any]:
    """Give the object that `collect --format json` and `runs show --format json` print."""
    return {
        "run_id": summary.run_id,
        "status": summary.status.value,
        "started_at": summary.started_at,
        "finished_at": summary.finished_at,
        "targets": {
            "total": summary.targets_total,
            "covered": summary.targets_covered,
            "failed": summary.targets_failed,
            "by_outcome": dict(summary.by_outcome),
        },
        "jobs": {
            "seen": summary.jobs_seen,
            "appeared": summary.jobs_appeared,
            "updated": summary.jobs_changed,
            "disappeared": summary.jobs_disappeared,
            "reappeared": summary.jobs_reappeared,
        },
        "api": {"calls": summary.api_calls, "retries": summary.retries, "throttles": summary.throttles},
        "gaps": [
            {
                "account_id": gap.account_id,
                "region": gap.region,
                "outcome": gap.outcome.value,
                "error_code": gap.error_code,
                "error_message": gap.error_message,
            }
            for gap in gaps
        ],
        **({"error": summary.error} if summary.error else {}),
    }


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """Give the object that `plan --format json` prints."""
    names = _names(plan.accounts)
    return {
        "targets": [
            {"account_id": target.account_id, "account_name": names.get(target.account_id), "region": target.region}
            for target in sorted(plan.targets)
        ],
        "exclusions": [
            {"account_id": exclusion.account_id, "region": exclusion.region, "reason": exclusion.reason}
            for exclusion in plan.exclusions
        ],
        "warnings": list(plan.warnings),
    }


def plan_as_text(plan: Plan) -> Iterator[str]:
    """Yield the lines that `plan` prints: one per target, one per exclusion, and the sum."""
    names = _names(plan.accounts)
    for target in sorted(plan.targets):
        yield f"visit    {target.account_id}  {target.region:<15} {names.get(target.account_id) or ''}".rstrip()
    for exclusion in plan.exclusions:
        yield f"exclude  {exclusion.account_id or 'all accounts'}  {exclusion.region or 'all regions':<15} {exclusion.reason}"
    regions = {target.region for target in plan.targets}
    yield f"{len(plan.targets)} targets: {len(plan.accounts)} accounts x {len(regions)} regions; {len(plan.exclusions)} exclusions"


def _names(accounts: Sequence[Account]) -> Mapping[str, str | None]:
    return {account.account_id: account.name for account in accounts}


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCause:
    """Gaps of one cause: how many, where (accounts with their regions, or regions with their accounts), and what to do.

    `message` is the error of one of them.
    """

    outcome: Outcome
    error_code: str | None
    targets: int
    places: Sequence[str]
    message: str | None
    next_step: str


def gap_causes(gaps: Iterable[Gap]) -> list[GapCause]:
    """Group gaps by outcome and error code, the most frequent cause first."""
    by_cause: dict[tuple[Outcome, str | None], list[Gap]] = defaultdict(list)
    for gap in gaps:
        by_cause[gap.outcome, gap.error_code].append(gap)
    return [
        GapCause(
            outcome=outcome,
            error_code=code,
            targets=len(alike),
            places=_places(alike),
            message=next((gap.error_message for gap in alike if gap.error_message), None),
            next_step=gap_hint(outcome),
        )
        for (outcome, code), alike in sorted(by_cause.items(), key=lambda item: (-len(item[1]), item[0][0]))
    ]


def _places(gaps: Sequence[Gap]) -> list[str]:
    """Name where gaps are in as few entries as possible."""
    accounts: dict[str, list[str]] = defaultdict(list)
    regions: dict[str, list[str]] = defaultdict(list)
    for gap in gaps:
        account = printable(f"{gap.account_id} {gap.account_name or ''}".rstrip())
        accounts[account].append(gap.region)
        regions[gap.region].append(account)
    shorter = (accounts, "regions") if len(accounts) <= len(regions) else (regions, "accounts")
    return [
        f"{place}: {others[0] if len(others) == 1 else f'{len(others)} {noun}'}"
        for groups, noun in [shorter]
        for place, others in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def printable(text: str) -> str:
    """Give a text that may go to a terminal: what AWS sent cannot move the cursor or turn the reading direction."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def duration_text(seconds: float) -> str:
    """Write a duration as people read it: `3.1 s`, `4 min 12 s`, `1 h 05 min`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def runs_as_text(summaries: Iterable[RunSummary]) -> Iterator[str]:
    """Yield the lines that `runs list` prints, one per run."""
    for summary in summaries:
        yield (
            f"{summary.run_id}  {summary.started_at[:19]}Z  {summary.status.value:<11} "
            f"{summary.targets_covered}/{summary.targets_total} covered  {summary.jobs_seen} jobs"
        )
