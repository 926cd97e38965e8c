"""What a person sees of a run while it goes on: a live display in a terminal, else a line now and then."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Self

import anyio
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from macie_inventory.model import parse_timestamp
from macie_inventory.pipeline.observer import Observer
from macie_inventory.report import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import structlog
    from rich.console import RenderableType

    from macie_inventory.model import Account, Harvest, JobCounts, Target
    from macie_inventory.settings import Settings

__all__ = ["Display", "open_display", "restore_terminal"]

REDRAW_EVERY = 0.25
"""Seconds between two pictures of the live display."""

LINE_EVERY = 30.0
"""Seconds between the lines of a run that nobody watches."""

LINE_EVERY_WHEN_ASKED = 5.0
"""The same with `--progress always`."""

SHOWN_SLOWEST = 3
SLOW = 1.0
"""Seconds that a target takes before it is worth naming."""

NARROW = 60
"""Columns below which the bar goes without its rate."""


@contextmanager
def open_display(settings: Settings, logger: structlog.typing.FilteringBoundLogger) -> Iterator[Display]:
    """Give the display that fits the settings and the terminal; it writes to stderr only.

    `--progress auto` is a live display in a terminal; elsewhere a line now and then in text mode, and nothing in JSON
    mode. `always` writes lines in JSON mode too, and more often; `never` writes warnings only.
    """
    if settings.progress != "never" and _is_live_terminal():
        with _Live(logger) as live:
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
    return stream is not None and stream.isatty() and Console(file=stream).is_terminal and not _is_dumb()


def _is_dumb() -> bool:
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")


class Display(Observer):
    """An observer with a picture that changes with time."""

    async def redraw(self) -> None:
        """Redraw as long as there is something to redraw: a task beside the run."""


class _Tally(Display):
    """Counts what happens, and logs warnings and outcomes."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger) -> None:
        self.logger = logger
        self.accounts = self.regions = self.total = self.done = self.jobs = self.retries = self.throttles = 0
        self.gaps: Counter[str] = Counter()
        self.ending: str | None = None

    def planned(self, run_id: str, accounts: Sequence[Account], targets: Sequence[Target]) -> None:
        self.accounts, self.total = len(accounts), len(targets)
        self.regions = len({target.region for target in targets})
        self.logger.info("run begins", run_id=run_id, accounts=len(accounts), targets=len(targets))

    def warned(self, message: str) -> None:
        self.logger.warning(message)

    def harvested(self, harvest: Harvest) -> None:
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
        self.logger.debug("stored", targets=targets, jobs=counts.seen)

    def stopping(self, reason: str) -> None:
        self.ending = reason
        self.logger.warning(reason)


class _Lines(_Tally):
    """Writes a line now and then: plain text, or a log event where the log is JSON."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger, *, every: float, as_log: bool) -> None:
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


class _Live(_Tally):
    """A display of a few lines that stays below the log, and goes when the run ends."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger) -> None:
        super().__init__(logger)
        self.console = Console(file=sys.__stderr__)
        self.names: dict[str, str | None] = {}
        self.slowest: list[tuple[float, Target]] = []
        self.waiting = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=self.console
        )
        self.waiting.add_task("asking who runs this")
        self.progress = _bar(self.console)
        self.task = self.progress.add_task("", total=None)
        # The log goes to sys.stderr, which the display takes over to write above itself; stdout is not its business.
        self.live = Live(
            get_renderable=self.render,
            console=self.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        self.live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    async def redraw(self) -> None:
        # Not Live's own thread: between measuring the last picture and writing the next, it and the log overlap, and
        # a line of the log is erased as if it were the display's.
        while True:
            await anyio.sleep(REDRAW_EVERY)
            self.live.refresh()

    def discovering(self) -> None:
        self.waiting.update(self.waiting.task_ids[0], description="looking for accounts")
        self.live.refresh()

    def planned(self, run_id: str, accounts: Sequence[Account], targets: Sequence[Target]) -> None:
        self.names = {account.account_id: account.name for account in accounts}
        super().planned(run_id, accounts, targets)
        self.progress.reset(self.task, total=len(targets))
        self.live.refresh()

    def harvested(self, harvest: Harvest) -> None:
        super().harvested(harvest)
        if harvest.started_at and harvest.finished_at:
            took = (parse_timestamp(harvest.finished_at) - parse_timestamp(harvest.started_at)).total_seconds()
            if took >= SLOW:
                push = heappush if len(self.slowest) < SHOWN_SLOWEST else heappushpop
                push(self.slowest, (took, harvest.target))

    def render(self) -> RenderableType:
        """Draw the display as it stands now."""
        if not self.total:
            return self.waiting
        self.progress.update(self.task, completed=self.done)
        lines: list[RenderableType] = [
            _line(f"{self.accounts:,} accounts × {self.regions} regions, {self.total:,} targets", style="bold"),
            self.progress,
            Text(
                f"{self.jobs:,} jobs   {self.gaps.total():,} gaps   "
                f"{self.throttles:,} throttled   {self.retries:,} retries"
            ),
        ]
        if self.gaps:
            causes = ", ".join(f"{outcome} {count:,}" for outcome, count in self.gaps.most_common())
            lines.append(_line(f"gaps: {causes}", style="yellow"))
        for took, target in sorted(self.slowest, reverse=True):
            name = self.names.get(target.account_id) or ""
            lines.append(_line(f"slow: {took:5.1f} s  {target.account_id} {target.region} {name}", style="dim"))
        if self.ending:
            lines.append(_line(self.ending, style="bold yellow"))
        return Group(*lines)


def _line(text: str, style: str) -> Text:
    return Text(printable(text), style=style, no_wrap=True, overflow="ellipsis")


def _bar(console: Console) -> Progress:
    columns = [
        BarColumn(bar_width=None, complete_style="cyan", finished_style="green"),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
    ]
    columns.append(TextColumn("{task.percentage:>3.0f}%"))
    if console.width >= NARROW:
        columns.append(_Rate(""))
    return Progress(*columns, _Left(""), console=console, expand=True)


class _Rate(TextColumn):
    """Targets per second, over the last half minute."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s")  # noqa: PLR2004


class _Left(TextColumn):
    """The time left at this rate."""

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        if left is None:
            return Text("--:-- left")
        minutes, seconds = divmod(int(left), 60)
        hours, minutes = divmod(minutes, 60)
        return Text(f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes:02}:{seconds:02} left")
