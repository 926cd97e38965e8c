"""Read what the report shows, from one snapshot of the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from macie_inventory.html_report.history import StatusHistory, walk_back
from macie_inventory.overview.rows import open_rows
from macie_inventory.store import open_store
from macie_inventory.store.values import moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from macie_inventory.overview.rows import Rows
    from macie_inventory.store import DatabaseUrl, Gap, RunSummary

__all__ = ["MOST_ROWS", "Inventory", "Listing", "read_inventory"]

MOST_ROWS = 2000
"""So many rows of each table are in the file; the rest is for `query` and `export`."""

RUNS_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The first rows of a table, and how many there are in all."""

    rows: Sequence[Sequence[Any]]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What one report shows. Targets, gaps and changes are those of the run; jobs are those known now."""

    run: RunSummary
    gaps: Sequence[Gap]
    accounts: Sequence[tuple[str, str | None, str | None]]
    """id, name and path of the organizational unit of every account that the run was to visit"""
    targets: Sequence[tuple[str, str, str, int]]
    """account id, region, outcome and jobs"""
    by_account: Sequence[tuple[str, str | None, str | None, int]]
    """account id, name, job status and jobs"""
    by_region: Sequence[tuple[str, str | None, int]]
    history: Sequence[StatusHistory]
    days_left: Sequence[float]
    expiring: Listing
    failing: Listing
    changes: Listing
    changes_by_kind: dict[str, int]


async def read_inventory(url: DatabaseUrl, run_id: str) -> Inventory:
    """Read everything about a run (its id, or `last`) and the jobs known now.

    Raises UsageError when there is no such run, DatabaseError when the database cannot be read.
    """
    async with open_store(url, readonly=True) as store:
        run = await store.summary(run_id)
        gaps = await store.gaps(run.run_id)
    async with open_rows(url) as rows:
        by_kind = await rows("SELECT change, count(*) FROM job_changes WHERE run_id = ? GROUP BY change", run.run_id)
        return Inventory(
            run=run,
            gaps=gaps,
            accounts=await rows(
                "SELECT t.account_id, a.name, a.ou_path FROM (SELECT DISTINCT account_id FROM targets WHERE run_id = ?) "
                "AS t LEFT JOIN accounts AS a ON a.account_id = t.account_id ORDER BY a.ou_path, a.name, t.account_id",
                run.run_id,
            ),
            targets=await rows("SELECT account_id, region, outcome, jobs FROM targets WHERE run_id = ?", run.run_id),
            by_account=await rows(
                "SELECT account_id, account_name, job_status, CAST(sum(jobs) AS integer) FROM job_status_counts "
                "GROUP BY account_id, account_name, job_status"
            ),
            by_region=await rows(
                "SELECT region, job_status, CAST(sum(jobs) AS integer) FROM job_status_counts GROUP BY region, job_status"
            ),
            history=await _history(rows),
            days_left=[
                float(days) for (days,) in await rows("SELECT days_left FROM expiring_jobs") if days is not None
            ],
            expiring=await _listing(
                rows,
                "days_left, account_name, region, name, expires_at, job_type, account_id, job_id",
                "expiring_jobs",
                "days_left, account_id, region, job_id",
            ),
            failing=await _listing(
                rows,
                "account_name, region, name, job_status, job_type, created_at, last_seen_at, account_id, job_id",
                "failing_jobs",
                "account_name, account_id, region, name, job_id",
            ),
            changes=await _changes(rows, run.run_id, sum(count for _, count in by_kind)),
            changes_by_kind=dict(map(tuple, by_kind)),
        )


async def _listing(rows: Rows, columns: str, view: str, order: str) -> Listing:
    ((total,),) = await rows(f"SELECT count(*) FROM {view}")  # noqa: S608 - our names
    found = await rows(f"SELECT {columns} FROM {view} ORDER BY {order} LIMIT {MOST_ROWS}")  # noqa: S608 - our names
    return Listing(rows=[_plain(row) for row in found], total=total)


async def _changes(rows: Rows, run_id: str, total: int) -> Listing:
    """List what a run changed, what is gone first and what is new last: there is most of it in a first run."""
    found = await rows(
        "SELECT c.change, a.name, c.region, j.name, c.field, CAST(c.old_value AS text), "  # noqa: S608 - our number
        "CAST(c.new_value AS text), c.observed_at, c.account_id, c.job_id FROM job_changes AS c "
        "LEFT JOIN jobs AS j ON j.account_id = c.account_id AND j.region = c.region AND j.job_id = c.job_id "
        "LEFT JOIN accounts AS a ON a.account_id = c.account_id WHERE c.run_id = ? "
        "ORDER BY CASE c.change WHEN 'disappeared' THEN 1 WHEN 'updated' THEN 2 WHEN 'reappeared' THEN 3 ELSE 4 END, "
        f"c.account_id, c.region, c.job_id, c.field LIMIT {MOST_ROWS}",
        run_id,
    )
    return Listing(rows=[_plain(row) for row in found], total=total)


async def _history(rows: Rows) -> list[StatusHistory]:
    runs = [
        (run_id, moment_text(started_at) or "", status)
        for run_id, started_at, status in await rows(
            "SELECT run_id, started_at, status FROM runs WHERE status <> 'running' "  # noqa: S608 - our number
            f"ORDER BY started_at DESC, run_id DESC LIMIT {RUNS_SHOWN}"
        )
    ]
    now = await rows("SELECT job_status, CAST(sum(jobs) AS integer) FROM job_status_counts GROUP BY job_status")
    # What the oldest run changed leads to a time before it, which is not shown.
    undone = [run_id for run_id, _, _ in runs[:-1]]
    marks = ", ".join("?" * len(undone)) or "NULL"
    changes = await rows(
        "SELECT c.run_id, c.account_id, c.region, c.job_id, c.change, CAST(c.old_value AS text), j.job_status "  # noqa: S608
        "FROM job_changes AS c "
        "LEFT JOIN jobs AS j ON j.account_id = c.account_id AND j.region = c.region AND j.job_id = c.job_id "
        f"WHERE c.run_id IN ({marks}) AND (c.change <> 'updated' OR c.field = 'job_status')",
        *undone,
    )
    return walk_back(runs, dict(map(tuple, now)), changes)


def _plain(row: Sequence[Any]) -> list[Any]:
    return [moment_text(value) for value in row]
