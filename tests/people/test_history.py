"""Jobs by status after each run, walked back from today."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from macie_inventory.html_report.history import walk_back

STATUSES = st.sampled_from(["RUNNING", "COMPLETE", "IDLE", None])
STATES = st.lists(st.dictionaries(st.integers(0, 4), STATUSES), min_size=1, max_size=6)


def changes_between(
    run_id: str, before: dict[int, str | None], after: dict[int, str | None], ever: dict[int, str | None]
) -> list[list[Any]]:
    """Give the changes that a run writes when it finds other jobs than the run before; `ever` is kept up to date."""
    found: list[list[Any]] = []
    for job, status in after.items():
        key = [run_id, "111111111111", "eu-west-1", str(job)]
        if job not in before:
            found.append([*key, "reappeared" if job in ever else "appeared", None, None])
        if job in ever and ever[job] != status:
            found.append([*key, "updated", None if ever[job] is None else json.dumps(ever[job]), None])
        ever[job] = status
    found += [
        [run_id, "111111111111", "eu-west-1", str(job), "disappeared", None, None] for job in before.keys() - after
    ]
    return found


@settings(max_examples=300)
@given(states=STATES)
def test_walking_back_finds_every_count(states: list[dict[int, str | None]]) -> None:
    """Whatever appeared, changed, went and came back: the count after each run is found again from the last one."""
    ever: dict[int, str | None] = {}
    before: dict[int, str | None] = {}
    written = []
    for number, after in enumerate(states):
        written.append(changes_between(f"run-{number}", before, after, ever))
        before = after
    changes = [[*change[:6], ever[int(change[3])]] for run in written[1:] for change in run]
    runs = [(f"run-{number}", "", "complete") for number in range(len(states))][::-1]
    history = walk_back(runs, Counter(states[-1].values()), changes)
    assert [point.run_id for point in history] == [f"run-{number}" for number in range(len(states))]
    assert [dict(point.jobs) for point in history] == [dict(Counter(state.values())) for state in states]
