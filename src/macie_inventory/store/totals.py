"""What a run amounts to, counted in SQL from its targets and changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from macie_inventory.model import COVERED, Outcome, RunStatus
from macie_inventory.store.operations import execute

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["COVERED_SQL", "close_abandoned_runs", "write_totals"]

COVERED_SQL = ", ".join(f"'{outcome}'" for outcome in sorted(COVERED))

_TARGETS = f"""
SELECT count(*),
       count(CASE WHEN outcome IN ({COVERED_SQL}) THEN 1 END),
       count(CASE WHEN outcome NOT IN ({COVERED_SQL}, '{Outcome.NOT_ATTEMPTED}') THEN 1 END),
       coalesce(sum(jobs), 0), coalesce(sum(api_calls), 0), coalesce(sum(retries), 0), coalesce(sum(throttles), 0)
FROM targets WHERE run_id = ?
"""  # noqa: S608 - our names

_CHANGES = """
SELECT count(CASE WHEN change = 'appeared' THEN 1 END),
       count(CASE WHEN change = 'disappeared' THEN 1 END),
       count(CASE WHEN change = 'reappeared' THEN 1 END)
FROM job_changes WHERE run_id = ?
"""

_CHANGED = """
SELECT count(*) FROM (
    SELECT DISTINCT account_id, region, job_id FROM job_changes WHERE run_id = ? AND change = 'updated'
) AS changed
"""

_WRITE = """
UPDATE runs SET status = ?, finished_at = ?, error = ?, targets_total = ?, targets_covered = ?, targets_failed = ?,
    jobs_seen = ?, api_calls = ?, retries = ?, throttles = ?, jobs_appeared = ?, jobs_disappeared = ?,
    jobs_reappeared = ?, jobs_changed = ?
WHERE run_id = ?
"""


async def write_totals(
    connection: AsyncConnection, run_id: str, status: RunStatus, finished_at: str, error: str | None
) -> None:
    """Close a run's row with its status and its totals, in the caller's transaction.

    `targets_failed` are those that were attempted and not covered; `jobs_changed` counts jobs, not fields.
    """
    targets = (await execute(connection, _TARGETS, (run_id,)))[0]
    changes = (await execute(connection, _CHANGES, (run_id,)))[0]
    changed = (await execute(connection, _CHANGED, (run_id,)))[0]
    numbers = [int(number) for number in (*targets, *changes, *changed)]
    await execute(connection, _WRITE, (str(status), finished_at, error, *numbers, run_id))


async def close_abandoned_runs(connection: AsyncConnection, run_id: str, now: str) -> None:
    """Mark every other run that says `running` as interrupted; the caller holds the lease, so nobody runs them.

    Such a run ended, as far as is known, when the last of its targets was stored.
    """
    abandoned = await execute(
        connection, "SELECT run_id FROM runs WHERE status = ? AND run_id <> ?", (str(RunStatus.RUNNING), run_id)
    )
    for (other,) in abandoned:
        last = await execute(
            connection,
            "SELECT coalesce((SELECT max(finished_at) FROM targets WHERE run_id = ?), started_at) "
            "FROM runs WHERE run_id = ?",
            (other, other),
        )
        await write_totals(connection, other, RunStatus.INTERRUPTED, last[0][0] or now, "the process ended in mid-run")
