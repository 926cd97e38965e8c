"""Inventories made from values, for the report's page."""

from __future__ import annotations

from random import Random

from macie_inventory.html_report.history import StatusHistory
from macie_inventory.html_report.reading import MOST_ROWS, Inventory, Listing
from macie_inventory.model import Outcome, RunStatus
from macie_inventory.store import Gap, RunSummary

NOW = "2026-11-22T16:00:00.000000Z"
STATUSES = ("COMPLETE", "RUNNING", "IDLE", "PAUSED", "USER_PAUSED", "CANCELLED")
MOST_OUTCOMES = (
    (Outcome.COLLECTED, 90),
    (Outcome.MACIE_DISABLED, 4),
    (Outcome.REGION_DISABLED, 3),
    *((outcome, 1) for outcome in Outcome if not outcome.covered),
)


def inventory(accounts: int, regions: int, *, rows: int = MOST_ROWS, text: str = "") -> Inventory:
    """Give an inventory of this size; with a text, every text that AWS or a user could have chosen is that one."""
    random = Random(f"{accounts}/{regions}")  # noqa: S311 - reproducible, not secret

    def said(otherwise: str) -> str:
        return text or otherwise

    ids = [f"{number:012d}" for number in range(1, accounts + 1)]
    names = [f"region-{number}" for number in range(regions)]
    outcomes, weights = zip(*MOST_OUTCOMES, strict=True)
    targets = [
        (account_id, region, outcome.value, random.randrange(12) if outcome is Outcome.COLLECTED else 0)
        for account_id in ids
        for region, outcome in zip(names, random.choices(outcomes, weights, k=regions), strict=True)
    ]
    gaps = [
        Gap(
            account_id=account_id,
            account_name=said(f"team-{account_id[-4:]}"),
            region=region,
            outcome=Outcome(outcome),
            error_code=said("AccessDenied"),
            error_message=said(f"User: arn:aws:iam::{account_id}:user/x is not authorized"),
        )
        for account_id, region, outcome, _ in targets
        if not Outcome(outcome).covered
    ]
    statuses = [said(status) for status in STATUSES]

    def job(number: int) -> tuple[str, str, str, str]:
        return said(f"team-{number}"), random.choice(names), said(f"job-{number}"), f"{number:032x}"

    failing = [
        (name, region, title, statuses[0], "ONE_TIME", NOW, NOW, ids[number % accounts], job_id)
        for number, (name, region, title, job_id) in ((number, job(number)) for number in range(rows))
    ]
    expiring = [
        (number / 70, name, region, title, NOW, "SCHEDULED", ids[number % accounts], job_id)
        for number, (name, region, title, job_id) in ((number, job(number)) for number in range(rows))
    ]
    changes = [
        ("updated", name, region, title, said("job_status"), None, '"RUNNING"', NOW, ids[number % accounts], job_id)
        for number, (name, region, title, job_id) in ((number, job(number)) for number in range(rows))
    ]
    return Inventory(
        run=_summary(targets, said("arn:aws:iam::111111111111:user/x"), text or None),
        gaps=gaps,
        accounts=[(account_id, said(f"team-{account_id[-4:]}"), said("/Root/Prod")) for account_id in ids],
        targets=targets,
        by_account=[
            (account_id, said(f"team-{account_id[-4:]}"), status, random.randrange(90))
            for account_id in ids
            for status in statuses
        ],
        by_region=[(region, status, random.randrange(9000)) for region in names for status in statuses],
        history=[
            StatusHistory(
                run_id=str(day),
                started_at=f"2026-11-{day:02d}T06:00:00.000000Z",
                run_status="partial",
                jobs={status: random.randrange(9000) for status in statuses},
            )
            for day in range(1, 23)
        ],
        days_left=[row[0] for row in expiring],
        expiring=Listing(rows=expiring, total=rows * 10),
        failing=Listing(rows=failing, total=rows),
        changes=Listing(rows=changes, total=rows),
        changes_by_kind={"updated": rows},
    )


def _summary(targets: list[tuple[str, str, str, int]], caller: str, error: str | None) -> RunSummary:
    covered = sum(Outcome(outcome).covered for _, _, outcome, _ in targets)
    return RunSummary(
        run_id="01a203dc-d8e3-7074-bdf8-ec68713d3cb1",
        started_at="2026-11-22T15:00:00.000000Z",
        finished_at=NOW,
        status=RunStatus.PARTIAL,
        tool_version="1",
        caller_arn=caller,
        partition="aws",
        scope={},
        filter_criteria=None,
        targets_total=len(targets),
        targets_covered=covered,
        targets_failed=len(targets) - covered,
        jobs_seen=sum(jobs for *_, jobs in targets),
        jobs_appeared=1,
        jobs_changed=2,
        jobs_disappeared=3,
        jobs_reappeared=4,
        api_calls=5,
        retries=6,
        throttles=7,
        error=error,
    )
