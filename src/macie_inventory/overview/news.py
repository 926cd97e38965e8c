"""The news of a run: what it changed, and which jobs are about to expire."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from macie_inventory.overview.rows import open_rows
from macie_inventory.store.values import moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from macie_inventory.store import DatabaseUrl

__all__ = ["EXPIRES_WITHIN", "ExpiringJob", "RunNews", "StatusChange", "read_news"]

EXPIRES_WITHIN = 7.0
"""Days before a paused job's end at which it is worth a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """So many jobs went from one status to another; None is a job without one."""

    old: str | None
    new: str | None
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringJob:
    """A job that a user paused, and the days until Macie cancels it."""

    account_id: str
    account_name: str | None
    region: str
    name: str | None
    days_left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNews:
    """What became known with one run.

    `previous_started_at` is when the run before it began, UTC text, None for the first. `expiring` are the jobs that
    expire within `EXPIRES_WITHIN` days, soonest first; `expiring_total` counts those that are not in it too, and
    `expired` those whose time is over.
    """

    previous_started_at: str | None
    status_changes: Sequence[StatusChange]
    expiring: Sequence[ExpiringJob]
    expiring_total: int
    expired: int = 0


async def read_news(url: DatabaseUrl, run_id: str, *, most: int = 5) -> RunNews:
    """Read the news of a run; raises DatabaseError when the database cannot be read."""
    async with open_rows(url) as rows:
        previous = await rows(
            "SELECT started_at FROM runs WHERE started_at < (SELECT started_at FROM runs WHERE run_id = ?) "
            "AND status <> 'failed' ORDER BY started_at DESC LIMIT 1",
            run_id,
        )
        changes = await rows(
            "SELECT CAST(old_value AS text), CAST(new_value AS text), count(*) FROM job_changes "
            "WHERE run_id = ? AND change = 'updated' AND field = 'job_status' GROUP BY old_value, new_value",
            run_id,
        )
        expiring = await rows(
            "SELECT account_id, account_name, region, name, days_left FROM expiring_jobs "
            "WHERE days_left <= ? ORDER BY days_left, account_id, region, job_id",
            EXPIRES_WITHIN,
        )
    ahead = [row for row in expiring if row[4] >= 0]
    return RunNews(
        previous_started_at=moment_text(previous[0][0]) if previous else None,
        status_changes=_status_changes(changes),
        expiring=[
            ExpiringJob(account_id=account_id, account_name=account, region=region, name=name, days_left=float(days))
            for account_id, account, region, name, days in ahead[:most]
        ],
        expiring_total=len(ahead),
        expired=len(expiring) - len(ahead),
    )


def _status_changes(rows: Sequence[Any]) -> list[StatusChange]:
    found = [StatusChange(old=_status(old), new=_status(new), jobs=count) for old, new, count in rows]
    return sorted(found, key=lambda change: (-change.jobs, str(change.old), str(change.new)))


def _status(text: str | None) -> str | None:
    value = None if text is None else json.loads(text)
    return None if value is None else str(value)
