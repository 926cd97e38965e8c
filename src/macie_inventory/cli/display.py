"""What a person sees of a run while it goes on."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from macie_inventory.pipeline.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import structlog

    from macie_inventory.model import Account, Harvest, JobCounts, Target
    from macie_inventory.settings import Settings

__all__ = ["open_display"]

LINE_EVERY = 30.0
"""Seconds between the lines of a run that nobody watches."""


@contextmanager
def open_display(settings: Settings, logger: structlog.typing.FilteringBoundLogger) -> Iterator[Observer]:
    """Give the observer that fits the settings: a bar in a terminal, else a line now and then in text mode."""
    console = Console(stderr=True)
    wanted = settings.progress == "always" or (settings.progress == "auto" and console.is_terminal)
    if not wanted:
        yield _Lines(logger, every=LINE_EVERY)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(logger, progress)


class _Lines(Observer):
    """Logs warnings and gaps, and a line of progress now and then."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger, *, every: float) -> None:
        self.logger = logger
        self.every = every
        self.total = self.done = self.gaps = self.jobs = 0
        self.last = time.monotonic()

    def planned(self, run_id: str, accounts: Sequence[Account], targets: Sequence[Target]) -> None:
        self.total = len(targets)
        self.logger.info("run begins", run_id=run_id, accounts=len(accounts), targets=len(targets))

    def warned(self, message: str) -> None:
        self.logger.warning(message)

    def harvested(self, harvest: Harvest) -> None:
        self.done += 1
        self.jobs += len(harvest.jobs)
        self.gaps += not harvest.outcome.covered
        self.logger.debug(
            "target done",
            account_id=harvest.target.account_id,
            region=harvest.target.region,
            outcome=harvest.outcome.value,
            jobs=len(harvest.jobs),
            error_code=harvest.error_code,
        )
        if time.monotonic() - self.last >= self.every:
            self.last = time.monotonic()
            sys.stderr.write(f"{self.done} of {self.total} targets, {self.jobs} jobs, {self.gaps} gaps\n")

    def stored(self, targets: int, counts: JobCounts) -> None:
        self.logger.debug("stored", targets=targets, jobs=counts.seen)

    def stopping(self, reason: str) -> None:
        self.logger.warning(reason)


class _Bar(_Lines):
    """The same, with a progress bar instead of the lines."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger, progress: Progress) -> None:
        super().__init__(logger, every=float("inf"))
        self.progress = progress
        self.task = progress.add_task("discovering", total=None, note="")

    def planned(self, run_id: str, accounts: Sequence[Account], targets: Sequence[Target]) -> None:
        super().planned(run_id, accounts, targets)
        self.progress.update(self.task, description="collecting", total=len(targets))

    def harvested(self, harvest: Harvest) -> None:
        super().harvested(harvest)
        self.progress.update(self.task, completed=self.done, note=f"{self.jobs} jobs, {self.gaps} gaps")
