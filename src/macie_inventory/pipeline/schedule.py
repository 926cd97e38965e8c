"""Which target is next, and which wait because their region cannot be reached; pure: the time is passed in.

A region is met by one target first; the others follow when it has answered. When it cannot be reached, its targets are
put aside while the rest of the run goes on; after a cool-off one of them tries again (the half-open state of a circuit
breaker). If that fails too, the region is given up for the run.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from macie_inventory.model import Target
    from macie_inventory.outcome import Failure

__all__ = ["Schedule", "Wait", "Work"]

PROBES = 2
"""So many times in a row a region may be found unreachable before it is given up."""


@dataclass(eq=False, slots=True)
class Work:
    """One target to visit; with `failure`, one whose region was given up for that reason."""

    target: Target
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be visited now; `until` says when that may change by itself, None that a report is needed."""

    until: float | None


class _State(Enum):
    UNMET = auto()
    PROBING = auto()
    REACHABLE = auto()
    BROKEN = auto()
    GIVEN_UP = auto()


@dataclass(eq=False, slots=True)
class _Region:
    state: _State = _State.UNMET
    parked: deque[Work] = field(default_factory=deque)
    retry_at: float = 0.0
    breaks: int = 0
    failure: Failure | None = None


class Schedule:
    """Hands out each target of a plan once, and takes back those whose region could not be reached."""

    def __init__(self, targets: Iterable[Target], *, cool_off: float) -> None:
        self._fresh: Iterator[Target] = iter(targets)
        self._ready: deque[Work] = deque()
        self._cool_off = cool_off
        self._regions: dict[str, _Region] = {}
        self._suspect: set[str] = set()
        self._running = 0

    def take(self, now: float) -> Work | Wait | None:
        """Give the next target, or what to wait for; None when all are done."""
        if self._suspect:
            self._revive(now)
        while (work := self._next()) is not None:
            region = self._regions.setdefault(work.target.region, _Region())
            if region.state is _State.GIVEN_UP:
                work.failure = region.failure
            elif region.state is _State.UNMET:
                region.state = _State.PROBING
            elif region.state is not _State.REACHABLE:
                region.parked.append(work)
                continue
            self._running += 1
            return work
        moments = [region.retry_at for region in self._broken() if region.parked]
        if moments:
            return Wait(min(moments))
        return Wait(None) if self._running else None

    def reached(self, work: Work) -> None:
        """Take in that the region of a running work answered."""
        region = self._regions[work.target.region]
        if region.state is not _State.REACHABLE:
            region.state, region.breaks = _State.REACHABLE, 0
            self._suspect.discard(work.target.region)
            self._release(region)

    def finished(self, work: Work) -> None:
        """Take in that a work is done; if it never met its region, another one will."""
        self._running -= 1
        region = self._regions[work.target.region]
        if region.state is _State.PROBING:
            region.state = _State.UNMET
            self._release(region)

    def unreachable(self, work: Work, failure: Failure, now: float) -> None:
        """Take back a work whose region could not be reached."""
        self._running -= 1
        region = self._regions[work.target.region]
        region.parked.append(work)
        region.failure = failure
        if region.state in (_State.BROKEN, _State.GIVEN_UP):
            # It was on its way before the region broke; that says nothing new.
            if region.state is _State.GIVEN_UP:
                self._release(region)
            return
        region.breaks += 1
        if region.breaks >= PROBES:
            region.state = _State.GIVEN_UP
            self._suspect.discard(work.target.region)
            self._release(region)
        else:
            region.state, region.retry_at = _State.BROKEN, now + self._cool_off
            self._suspect.add(work.target.region)

    def _next(self) -> Work | None:
        if self._ready:
            return self._ready.popleft()
        target = next(self._fresh, None)
        return None if target is None else Work(target)

    def _broken(self) -> Iterator[_Region]:
        return (region for name in self._suspect if (region := self._regions[name]).state is _State.BROKEN)

    def _revive(self, now: float) -> None:
        """Let one target of each region that has cooled off try again."""
        for region in self._broken():
            if region.parked and region.retry_at <= now:
                region.state = _State.UNMET
                self._ready.appendleft(region.parked.popleft())

    def _release(self, region: _Region) -> None:
        self._ready.extend(region.parked)
        region.parked.clear()
