"""What changed, as a person asks every morning; and forgetting what is old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from macie_inventory.errors import UsageError
from macie_inventory.store.engine import create_engine
from macie_inventory.store.inspection import require_current
from macie_inventory.store.lease import acquire, new_token, release
from macie_inventory.store.owner import this_process
from macie_inventory.store.query import moment_of, open_query
from macie_inventory.store.store import open_store
from macie_inventory.store.totals import COVERED_SQL
from macie_inventory.store.trouble import translated

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy.ext.asyncio import AsyncConnection

    from macie_inventory.store.engine import DatabaseUrl
    from macie_inventory.store.query import Rows

__all__ = ["Pruned", "changes_since", "prune"]

_CHANGES = (
    "SELECT observed_at, account_id, account_name, region, job_id, job_name, change, field, old_value, new_value, run_id "
    "FROM recent_changes WHERE {} "
    # A view's own order ends where another condition is laid over it.
    "ORDER BY observed_at DESC, run_id DESC, account_id, region, job_id, change, field"
)


async def changes_since(url: DatabaseUrl, since: str) -> AbstractAsyncContextManager[Rows]:
    """Ask what changed, newest first: in the `last` run, in a run and those after it, or since a moment.

    `since` is `last`, a run's id, or what `moment_of` reads. Raises UsageError when it is none of them.
    """
    async with open_store(url, readonly=True) as store:
        if since == "last":
            run = await store.run_row("last")
            return open_query(url, _CHANGES.format("run_id = :run_id"), {"run_id": run.run_id})
        try:
            started_at = (await store.run_row(since)).started_at
        except UsageError:
            pass
        else:
            runs = "run_id IN (SELECT run_id FROM runs WHERE started_at >= :since)"
            return open_query(url, _CHANGES.format(runs), {"since": started_at})
    try:
        moment = moment_of(since)
    except UsageError:
        raise UsageError(f"{since!r} is neither a run nor a moment: write last, a run id, 2026-11-01 or 24h") from None
    return open_query(url, _CHANGES.format("observed_at >= :since"), {"since": moment})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How many rows were, or would be, deleted from each table."""

    runs: int
    targets: int
    job_changes: int
    jobs: int


# The newest attempt and the newest covering one of each target stay, whatever their age.
_OLD_TARGETS = f"""
FROM targets WHERE run_id IN (SELECT run_id FROM runs WHERE started_at < ?) AND (run_id, account_id, region) NOT IN (
    SELECT run_id, account_id, region FROM (
        SELECT t.run_id, t.account_id, t.region,
            row_number() OVER (PARTITION BY t.account_id, t.region ORDER BY
                CASE WHEN t.outcome = 'not_attempted' THEN 1 ELSE 0 END,
                coalesce(t.finished_at, r.started_at) DESC, t.run_id DESC) AS attempt,
            row_number() OVER (PARTITION BY t.account_id, t.region ORDER BY
                CASE WHEN t.outcome IN ({COVERED_SQL}) THEN 0 ELSE 1 END,
                coalesce(t.finished_at, r.started_at) DESC, t.run_id DESC) AS covered
        FROM targets AS t LEFT JOIN runs AS r ON r.run_id = t.run_id
    ) AS ranked WHERE attempt = 1 OR covered = 1
)
"""  # noqa: S608 - our names
_OLD_CHANGES = "FROM job_changes WHERE observed_at < ?"
_OLD_JOBS = "FROM jobs WHERE missing_since < ?"
_ORPHANS = (
    "FROM {table} WHERE NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.account_id = {table}.account_id "
    "AND j.region = {table}.region AND j.job_id = {table}.job_id)"
)
_EMPTY_RUNS = (
    "FROM runs WHERE started_at < ? AND NOT EXISTS (SELECT 1 FROM targets AS t WHERE t.run_id = runs.run_id) "
    "AND NOT EXISTS (SELECT 1 FROM job_changes AS c WHERE c.run_id = runs.run_id)"
)


async def prune(
    url: DatabaseUrl, *, older_than: str | None = None, missing_older_than: str | None = None, apply: bool = False
) -> Pruned:
    """Delete runs with their targets and changes from before `older_than`, and jobs missing since before the other.

    Both are moments as `moment_of` reads them; None keeps everything of that kind. Without `apply` the rows are only
    counted. A target's newest attempt, its newest covering one, and their runs stay. Raises LeaseHeldError while a run
    is collecting.
    """
    if older_than is None and missing_older_than is None:
        raise UsageError("nothing to prune: give --older-than, --missing-older-than or both")
    runs, jobs = (moment_of(text) if text is not None else None for text in (older_than, missing_older_than))
    if not await require_current(url):
        return Pruned(runs=0, targets=0, job_changes=0, jobs=0)
    engine = create_engine(url)
    try:
        with translated(url):
            async with engine.connect() as connection, connection.begin() as transaction:
                token = new_token()
                await acquire(connection, token, "of `db prune`", this_process(), 60)
                pruned = await _delete(connection, runs, jobs)
                await release(connection, token)
                await (transaction.commit() if apply else transaction.rollback())
    finally:
        await engine.dispose()
    return pruned


async def _delete(connection: AsyncConnection, runs: str | None, jobs: str | None) -> Pruned:
    async def delete(sql: str, *parameters: Any) -> int:
        marked = sql if connection.dialect.name == "sqlite" else sql.replace("?", "%s")
        result = await connection.exec_driver_sql(f"DELETE {marked}", parameters)
        return int(result.rowcount)

    counts = dict.fromkeys(("runs", "targets", "job_changes", "jobs"), 0)
    if jobs is not None:
        counts["jobs"] = await delete(_OLD_JOBS, jobs)
        for table in ("job_buckets", "job_criteria"):
            await delete(_ORPHANS.format(table=table))
    if runs is not None:
        counts["job_changes"] = await delete(_OLD_CHANGES, runs)
        counts["targets"] = await delete(_OLD_TARGETS, runs)
        counts["runs"] = await delete(_EMPTY_RUNS, runs)
    return Pruned(**counts)
