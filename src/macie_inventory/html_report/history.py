"""How many jobs of each status there were after each run: today's count, walked back change by change; pure."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["StatusHistory", "walk_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusHistory:
    """The jobs by status as they were known after one run."""

    run_id: str
    started_at: str
    run_status: str
    jobs: Mapping[str | None, int]


def walk_back(
    runs: Sequence[tuple[str, str, str]], now: Mapping[str | None, int], changes: Iterable[Sequence[Any]]
) -> list[StatusHistory]:
    """Give the counts after each run, oldest first.

    `runs` are (id, start, status), newest first; `now` is the count after the newest; `changes` are (run id, account,
    region, job, change, old value as JSON, the job's status now) of all runs but the oldest: every `appeared`,
    `reappeared` and `disappeared`, and the updates of `job_status`.
    """
    by_run: dict[str, dict[tuple[str, str, str], list[Sequence[Any]]]] = defaultdict(lambda: defaultdict(list))
    for change in changes:
        by_run[change[0]][change[1], change[2], change[3]].append(change)
    counts: Counter[str | None] = Counter(dict(now))
    later: dict[tuple[str, str, str], str | None] = {}
    history = []
    for run_id, started_at, run_status in runs:
        known = {status: count for status, count in counts.items() if count > 0}
        history.append(StatusHistory(run_id=run_id, started_at=started_at, run_status=run_status, jobs=known))
        for key, undone in by_run[run_id].items():
            after = later.get(key, undone[0][6])
            kinds = {change[4] for change in undone}
            before = next((_status(change[5]) for change in undone if change[4] == "updated"), after)
            if "disappeared" in kinds:
                counts[before] += 1
            else:
                counts[after] -= 1
                counts[before] += not kinds & {"appeared", "reappeared"}
            later[key] = before
    return history[::-1]


def _status(text: str | None) -> str | None:
    value = None if text is None else json.loads(text)
    return None if value is None else str(value)
