"""What harvests mean for what is stored: which jobs are new, changed, the same, back or gone; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from macie_inventory.model import JobCounts, Outcome
from macie_inventory.normalise import storable_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from macie_inventory.model import Harvest, Job, Target

__all__ = ["Batch", "Known", "sort_out", "targets_to_read"]

_encode = msgspec.json.Encoder().encode

Known = dict[str, tuple[str, Any]]
"""The stored jobs of a target: job_id → (digest, missing_since)."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """All that one transaction writes, as rows in the order of each statement's parameters.

    `fresh` are jobs never stored (their `appeared` rows are made from them in SQL), `altered` those whose digest differs, with the moment of observation; `returned` are
    the keys of those that were missing. `untouched` are whole targets in which nothing changed.
    """

    run_id: str
    fresh: list[tuple[Target, str, Job]] = field(default_factory=list)
    altered: list[tuple[Target, str, Job]] = field(default_factory=list)
    untouched: list[tuple[str, str, str, str]] = field(default_factory=list)
    unchanged: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    missing: list[tuple[str, str, str, str]] = field(default_factory=list)
    changes: list[tuple[Any, ...]] = field(default_factory=list)
    outcomes: list[tuple[Any, ...]] = field(default_factory=list)
    seen: int = 0
    updated: set[tuple[str, str, str]] = field(default_factory=set)
    disappeared: int = 0
    reappeared: int = 0

    def note(self, target: Target, job_id: str, change: str, at: str, *values: str | None) -> None:
        """Add a row of `job_changes`; `values` are the field, its old and its new value, for an update."""
        name, old, new = values or ("", None, None)
        self.changes.append((self.run_id, target.account_id, target.region, job_id, change, name, old, new, at))

    def appeared(self) -> list[tuple[str, str, str, str, str]]:
        """Name the jobs never stored, a row for each target: run, account, region, moment, and a JSON array of ids."""
        return [
            (self.run_id, target.account_id, target.region, at, _encode([job.job_id for _, _, job in jobs]).decode())
            for (target, at), jobs in groupby(self.fresh, key=itemgetter(0, 1))
        ]

    def counts(self) -> JobCounts:
        """Count what this batch does to the jobs that are known."""
        return JobCounts(
            seen=self.seen,
            appeared=len(self.fresh),
            updated=len(self.updated),
            disappeared=self.disappeared,
            reappeared=self.reappeared,
        )


def sort_out(
    run_id: str, harvests: Iterable[Harvest], known: Mapping[Target, Known], *, filtered: bool, now: str
) -> Batch:
    """Compare harvests with what is stored of their targets.

    `filtered` runs mark nothing missing, nor does any outcome but `collected`. A job is observed when its harvest
    finished, or `now` where the harvest does not say. Of several jobs with one id, and of several harvests of one
    target, the last counts.
    """
    batch = Batch(run_id=run_id)
    last = {harvest.target: harvest for harvest in harvests}
    for target in sorted(last):
        harvest = last[target]
        jobs = {job.job_id: job for job in harvest.jobs}
        at = harvest.finished_at or now
        _compare(batch, harvest, at, jobs, known.get(target, {}), filtered=filtered)
        batch.outcomes.append(_outcome(run_id, harvest, at, len(jobs)))
        batch.seen += len(jobs)
    return batch


def _compare(
    batch: Batch, harvest: Harvest, at: str, jobs: Mapping[str, Job], stored: Known, *, filtered: bool
) -> None:
    target, same = harvest.target, []
    for job_id, job in sorted(jobs.items()):
        before = stored.get(job_id)
        if before is None:
            batch.fresh.append((target, at, job))
            continue
        digest, missing_since = before
        if missing_since is not None:
            batch.reappeared += 1
            batch.note(target, job_id, "reappeared", at)
        if digest != job.digest:
            batch.altered.append((target, at, job))
        else:
            same.append((job_id, missing_since))
    present = [job_id for job_id, (_, missing_since) in stored.items() if missing_since is None]
    if len(same) == len(present) == sum(1 for _, missing_since in same if missing_since is None):
        if same:
            batch.untouched.append((at, batch.run_id, target.account_id, target.region))
    else:
        batch.unchanged.extend((at, batch.run_id, target.account_id, target.region, job_id) for job_id, _ in same)
    if harvest.outcome is Outcome.COLLECTED and not filtered:
        for job_id in sorted(set(present).difference(jobs)):
            batch.disappeared += 1
            batch.missing.append((at, target.account_id, target.region, job_id))
            batch.note(target, job_id, "disappeared", at)


def _outcome(run_id: str, harvest: Harvest, at: str, jobs: int) -> tuple[Any, ...]:
    attempted = harvest.outcome is not Outcome.NOT_ATTEMPTED
    return (
        run_id,
        harvest.target.account_id,
        harvest.target.region,
        str(harvest.outcome),
        _storable(harvest.error_code),
        _storable(harvest.error_message),
        harvest.http_status,
        _storable(harvest.request_id),
        harvest.pages,
        jobs,
        harvest.api_calls,
        harvest.retries,
        harvest.throttles,
        harvest.started_at or (at if attempted else None),
        at if attempted else None,
    )


def _storable(text: str | None) -> str | None:
    return None if text is None else storable_text(text)


def targets_to_read(harvests: Sequence[Harvest], *, filtered: bool) -> list[Target]:
    """Name the targets whose stored jobs matter to these harvests."""
    whole = not filtered
    return sorted({h.target for h in harvests if h.jobs or (whole and h.outcome is Outcome.COLLECTED)})
