"""Harvests into tables: what one transaction reads, decides and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from macie_inventory.normalise import storable_json, take_apart
from macie_inventory.store import operations as op
from macie_inventory.store.batch import Batch, sort_out, targets_to_read
from macie_inventory.store.difference import differences
from macie_inventory.store.operations import apply, execute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from macie_inventory.model import Harvest, JobCounts, Target
    from macie_inventory.normalise import Row
    from macie_inventory.store.batch import Known

__all__ = ["write_harvests"]

_KNOWN = {
    "sqlite": "SELECT t.key, j.job_id, j.digest, j.missing_since FROM json_each(?) AS t CROSS JOIN jobs AS j "
    "WHERE j.account_id = json_extract(t.value, '$[0]') AND j.region = json_extract(t.value, '$[1]')",
    "postgresql": "SELECT t.place - 1, j.job_id, j.digest, j.missing_since "
    "FROM json_array_elements(?::json) WITH ORDINALITY AS t (value, place) "
    "JOIN jobs AS j ON j.account_id = t.value->>0 AND j.region = t.value->>1",
}

_RAW = {
    "sqlite": "SELECT t.key, j.raw FROM json_each(?) AS t CROSS JOIN jobs AS j "
    "WHERE j.account_id = json_extract(t.value, '$[0]') AND j.region = json_extract(t.value, '$[1]') "
    "AND j.job_id = json_extract(t.value, '$[2]')",
    "postgresql": "SELECT t.place - 1, j.raw::text FROM json_array_elements(?::json) "
    "WITH ORDINALITY AS t (value, place) "
    "JOIN jobs AS j ON j.account_id = t.value->>0 AND j.region = t.value->>1 AND j.job_id = t.value->>2",
}


async def write_harvests(
    connection: AsyncConnection, run_id: str, partition: str, harvests: Sequence[Harvest], *, filtered: bool, now: str
) -> JobCounts:
    """Store whole targets, in the caller's transaction: jobs, child rows, changes, missing marks and outcomes.

    Jobs whose digest is known are marked as seen and nothing else is read or written of them.
    """
    known = await _known(connection, targets_to_read(harvests, filtered=filtered))
    batch = sort_out(run_id, harvests, known, filtered=filtered, now=now)
    await apply(connection, op.TOUCH_TARGETS, batch.untouched)
    await apply(connection, op.TOUCH_JOBS, batch.unchanged)
    await apply(connection, op.MARK_MISSING, batch.missing)
    await _store_altered(connection, partition, batch)
    await _store_jobs(connection, partition, batch)
    await apply(connection, op.NOTE_APPEARED, batch.appeared())
    await apply(connection, op.STORE_CHANGES, batch.changes)
    await apply(connection, op.DROP_UNDONE, [(run_id, *key) for key in sorted(batch.updated)])
    await apply(connection, op.STORE_OUTCOMES, batch.outcomes)
    return batch.counts()


async def _known(connection: AsyncConnection, targets: Sequence[Target]) -> dict[Target, Known]:
    if not targets:
        return {}
    wanted = msgspec.json.encode([(target.account_id, target.region) for target in targets]).decode()
    known: dict[Target, Known] = {target: {} for target in targets}
    stored = list(known.values())
    for place, job_id, digest, missing_since in await execute(connection, _KNOWN[connection.dialect.name], (wanted,)):
        stored[place][job_id] = (digest, missing_since)
    return known


async def _store_altered(connection: AsyncConnection, partition: str, batch: Batch) -> None:
    """Record what changed, and remove the child rows that are about to be written again."""
    if not batch.altered:
        return
    keys = [(target.account_id, target.region, job.job_id) for target, _, job in batch.altered]
    wanted = msgspec.json.encode(keys).decode()
    raws = dict(map(tuple, await execute(connection, _RAW[connection.dialect.name], (wanted,))))
    for place, (target, at, job) in enumerate(batch.altered):
        for name, old, new in differences(target, partition, raws[place], job):
            batch.note(target, job.job_id, "updated", at, name, old, new)
            batch.updated.add(keys[place])
    await apply(connection, op.DELETE_BUCKETS, keys)
    await apply(connection, op.DELETE_CRITERIA, keys)


async def _store_jobs(connection: AsyncConnection, partition: str, batch: Batch) -> None:
    as_json = storable_json if connection.dialect.name == "postgresql" else None
    rows: list[Row] = []
    buckets: list[Row] = []
    criteria: list[Row] = []
    for target, at, job in (*batch.fresh, *batch.altered):
        row, of_buckets, of_criteria = take_apart(target, partition, job)
        if as_json is not None and (raw := as_json(job.raw)) is not job.raw:
            row = (*row[:-2], raw, job.digest)
        seen = (at, at, batch.run_id, batch.run_id)
        rows.append(row + seen)
        buckets += of_buckets
        criteria += of_criteria
    await apply(connection, op.STORE_JOBS, rows)
    await apply(connection, op.STORE_BUCKETS, buckets)
    await apply(connection, op.STORE_CRITERIA, criteria)
