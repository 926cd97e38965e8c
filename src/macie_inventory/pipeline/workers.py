"""Visit: a bounded number of workers over one schedule, and whoever only waits lets others work."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from macie_inventory.aws.macie import RegionUnreachableError
from macie_inventory.aws.retry import Tally
from macie_inventory.errors import MacieInventoryError
from macie_inventory.model import Harvest, Outcome
from macie_inventory.pipeline.schedule import Wait
from macie_inventory.telemetry import current_telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import TaskGroup

    from macie_inventory.aws.macie import Lister
    from macie_inventory.model import Target
    from macie_inventory.pipeline.schedule import Schedule, Work

__all__ = ["Workers"]

PARKED_PER_SLOT = 8
"""So many targets per slot may wait without one; they keep in memory what they have read."""


class Workers:
    """Runs targets with at most `width` of them on the network at a time."""

    def __init__(
        self, lister: Lister, schedule: Schedule, deliver: Callable[[Harvest], Awaitable[None]], *, width: int
    ) -> None:
        self._lister = lister
        self._schedule = schedule
        self._deliver = deliver
        self._width = width
        self._slots = anyio.Semaphore(width, max_value=width, fast_acquire=True)
        self._changed = anyio.Event()
        self._workers = 0
        self._waiting = 0
        self._idle = 0
        self._error: MacieInventoryError | None = None
        self._tallies: dict[Target, Tally] = {}
        self._tasks: TaskGroup | None = None

    async def run(self) -> MacieInventoryError | None:
        """Visit every target of the schedule; cancelling loses those that are not delivered.

        Gives what ended it early, such as a CredentialsError.
        """
        async with anyio.create_task_group() as self._tasks:
            for _ in range(self._width):
                self._start_worker()
        return self._error

    def _start_worker(self) -> None:
        assert self._tasks is not None  # noqa: S101 - run() opened it
        self._workers += 1
        self._tasks.start_soon(self._work, name=f"worker-{self._workers}")

    async def _work(self) -> None:
        try:
            while self._workers <= self._width + self._waiting:
                match self._schedule.take(anyio.current_time()):
                    case None:
                        break
                    case Wait(until=until):
                        await self._wait_for_change(until)
                    case work:
                        async with self._slots:
                            await self._visit(work)
        finally:
            self._workers -= 1
            self._report_change()

    async def _wait_for_change(self, until: float | None) -> None:
        self._idle += 1
        try:
            with anyio.CancelScope(deadline=float("inf") if until is None else until):
                await self._changed.wait()
        finally:
            self._idle -= 1

    def _report_change(self) -> None:
        """Wake the workers that found nothing to do."""
        if self._idle:
            changed, self._changed = self._changed, anyio.Event()
            changed.set()

    async def _visit(self, work: Work) -> None:
        tally = self._tallies.pop(work.target, None) or Tally()
        if work.failure is not None:
            await self._deliver(_unreached(work, tally))
            self._schedule.finished(work)
            self._report_change()
            return
        try:
            with current_telemetry.get().target(work.target) as note:
                harvest = await self._lister.harvest(work.target, _Slot(self, work), tally)
                note(harvest)
        except RegionUnreachableError as error:
            self._tallies[work.target] = tally
            self._schedule.unreachable(work, error.failure, anyio.current_time())
        except MacieInventoryError as error:
            self._error = self._error or error
            assert self._tasks is not None  # noqa: S101 - run() opened it
            self._tasks.cancel_scope.cancel()
        else:
            await self._deliver(harvest)
            self._schedule.finished(work)
        self._report_change()

    @asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        """Give this worker's slot to another one, started for it if need be."""
        if self._waiting >= self._width * PARKED_PER_SLOT:
            yield
            return
        self._waiting += 1
        self._slots.release()
        if self._workers <= self._width + self._waiting - 1:
            self._start_worker()
        try:
            yield
        finally:
            self._waiting -= 1
            with anyio.CancelScope(shield=True):
                await self._slots.acquire()

    def reached(self, work: Work) -> None:
        """Take in that the region of a running work answered."""
        self._schedule.reached(work)
        self._report_change()


class _Slot:
    """One worker's slot while it visits one target; see `aws.slots.Slot`."""

    __slots__ = ("_met", "_work", "_workers")

    def __init__(self, workers: Workers, work: Work) -> None:
        self._workers = workers
        self._work = work
        self._met = False

    @asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        async with self._workers.released():
            yield

    async def sleep(self, seconds: float, /) -> None:
        async with self._workers.released():
            await anyio.sleep(seconds)

    def reached(self) -> None:
        if not self._met:
            self._met = True
            self._workers.reached(self._work)


def _unreached(work: Work, tally: Tally) -> Harvest:
    failure = work.failure
    return Harvest(
        target=work.target,
        outcome=Outcome.REGION_UNREACHABLE,
        error_code=failure.code if failure else None,
        error_message=failure.message if failure else None,
        api_calls=tally.calls,
        retries=tally.retries,
        throttles=tally.throttles,
    )
