"""Report: a run as the object and the text that people and programs read; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from macie_inventory.model import Outcome, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from macie_inventory.model import Account, Plan
    from macie_inventory.store import Gap, RunSummary

__all__ = ["EXIT_CODES", "gap_hint", "plan_as_json", "plan_as_text", "run_as_json", "runs_as_text", "summary_as_text"]

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


def summary_as_text(summary: RunSummary, gaps: Sequence[Gap], *, most_gaps: int = 20) -> Iterator[str]:
    """Yield the lines of a run's summary: what was covered, what the jobs did, and the gaps by cause."""
    yield f"run {summary.run_id}: {summary.status.value}" + (f" ({summary.error})" if summary.error else "")
    yield (
        f"  targets  {summary.targets_covered} of {summary.targets_total} covered"
        + "".join(f", {count} {outcome}" for outcome, count in summary.by_outcome.items())
    )
    yield (
        f"  jobs     {summary.jobs_seen} seen: {summary.jobs_appeared} appeared, {summary.jobs_changed} changed, "
        f"{summary.jobs_disappeared} disappeared, {summary.jobs_reappeared} reappeared"
    )
    yield f"  calls    {summary.api_calls}, {summary.retries} retries, {summary.throttles} throttled"
    causes = Counter((gap.outcome, gap.error_code) for gap in gaps)
    for (outcome, code), count in causes.most_common():
        yield f"  gap      {count} x {outcome.value}{f' ({code})' if code else ''}: {gap_hint(outcome)}"
        shown = [gap for gap in gaps if (gap.outcome, gap.error_code) == (outcome, code)]
        for gap in shown[:most_gaps]:
            yield f"             {gap.account_id} {gap.region:<15} {gap.account_name or ''}".rstrip()
        if len(shown) > most_gaps:
            yield f"             and {len(shown) - most_gaps} more: `macie-inventory runs show {summary.run_id} --format json`"


def runs_as_text(summaries: Iterable[RunSummary]) -> Iterator[str]:
    """Yield the lines that `runs list` prints, one per run."""
    for summary in summaries:
        yield (
            f"{summary.run_id}  {summary.started_at[:19]}Z  {summary.status.value:<11} "
            f"{summary.targets_covered}/{summary.targets_total} covered  {summary.jobs_seen} jobs"
        )
