"""What a person sees of a run while it goes on: a live display in a terminal, else a line now and then."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from macie_inventory.pipeline.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from macie_inventory.cli.logs import Logger
    from macie_inventory.model import Account, Harvest, JobCounts, Target
    from macie_inventory.settings import Settings

__all__ = ["Display", "Tally", "open_display", "restore_terminal"]

LINE_EVERY = 30.0
"""Seconds between the lines of a run that nobody watches."""

LINE_EVERY_WHEN_ASKED = 5.0
"""The same with `--progress always`."""


@contextmanager
def open_display(settings: Settings, logger: Logger) -> Iterator[Display]:
    """Give the display that fits the settings and the terminal; it writes to stderr only.

    `--progress auto` is a live display in a terminal; elsewhere a line now and then in text mode, and nothing in JSON
    mode. `always` writes lines in JSON mode too, and more often; `never` writes warnings only.
    """
    if settings.progress != "never" and _is_live_terminal():
        from macie_inventory.cli.live import LiveDisplay  # noqa: PLC0415 - only a terminal needs rich meanwhile

        with LiveDisplay(logger) as live:
            yield live
        return
    every = float("inf")
    if settings.progress == "always":
        every = LINE_EVERY_WHEN_ASKED
    elif settings.progress == "auto" and settings.format == "text":
        every = LINE_EVERY
    yield _Lines(logger, every=every, as_log=settings.log_format == "json")


def restore_terminal() -> None:
    """Show the cursor again, for an end that runs no clean-up."""
    if sys.__stderr__ is not None and _is_live_terminal():
        sys.__stderr__.write("\x1b[?25h")
        sys.__stderr__.flush()


def _is_live_terminal() -> bool:
    # Not rich's own answer: FORCE_COLOR makes it say yes of a pipe, and cursor movements do not belong there.
    stream = sys.__stderr__
    if stream is None or not stream.isatty() or _is_dumb():
        return False
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs rich meanwhile

    return Console(file=stream).is_terminal


def _is_dumb() -> bool:
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")


class Display(Observer):
    """An observer with a picture that changes with time."""

    async def redraw(self) -> None:
        """Redraw as long as there is something to redraw: a task beside the run."""


class Tally(Display):
    """Counts what happens, and logs warnings and outcomes."""

    def __init__(self, logger: Logger) -> None:
        self.logger = logger
        self.accounts = self.regions = self.total = self.done = self.jobs = self.retries = self.throttles = 0
        self.gaps: Counter[str] = Counter()
        self.ending: str | None = None

    def planned(self, run_id: str, accounts: Sequence[Account], targets: Sequence[Target]) -> None:
        """Note how large the run is."""
        self.accounts, self.total = len(accounts), len(targets)
        self.regions = len({target.region for target in targets})
        self.logger.info("run begins", run_id=run_id, accounts=len(accounts), targets=len(targets))

    def warned(self, message: str) -> None:
        """Log the warning."""
        self.logger.warning(message)

    def harvested(self, harvest: Harvest) -> None:
        """Count the harvest."""
        self.done += 1
        self.jobs += len(harvest.jobs)
        self.retries += harvest.retries
        self.throttles += harvest.throttles
        if not harvest.outcome.covered:
            self.gaps[harvest.outcome.value] += 1
        self.logger.debug(
            "target done",
            account_id=harvest.target.account_id,
            region=harvest.target.region,
            outcome=harvest.outcome.value,
            jobs=len(harvest.jobs),
            error_code=harvest.error_code,
        )

    def stored(self, targets: int, counts: JobCounts) -> None:
        """Log what was stored."""
        self.logger.debug("stored", targets=targets, jobs=counts.seen)

    def stopping(self, reason: str) -> None:
        """Note why the run ends early."""
        self.ending = reason
        self.logger.warning(reason)


class _Lines(Tally):
    """Writes a line now and then: plain text, or a log event where the log is JSON."""

    def __init__(self, logger: Logger, *, every: float, as_log: bool) -> None:
        super().__init__(logger)
        self.every = every
        self.as_log = as_log
        self.last = time.monotonic()

    def harvested(self, harvest: Harvest) -> None:
        super().harvested(harvest)
        if time.monotonic() - self.last < self.every:
            return
        self.last = time.monotonic()
        gaps = self.gaps.total()
        if self.as_log:
            self.logger.info("progress", done=self.done, targets=self.total, jobs=self.jobs, gaps=gaps)
        else:
            print(f"{self.done} of {self.total} targets, {self.jobs} jobs, {gaps} gaps", file=sys.stderr, flush=True)  # noqa: T201 - what it is for
