"""The live display: a few lines at the bottom of a terminal that show what a run does."""

from __future__ import annotations

import sys
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Self

import anyio
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from macie_inventory.cli.display import Tally
from macie_inventory.model import parse_timestamp
from macie_inventory.report import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from macie_inventory.cli.logs import Logger
    from macie_inventory.model import Account, Harvest, Target

__all__ = ["LiveDisplay"]

REDRAW_EVERY = 0.25
"""Seconds between two pictures."""

SHOWN_SLOWEST = 3
SLOW = 1.0
"""Seconds that a target takes before it is worth naming."""

NARROW = 60
"""Columns below which the bar goes without its rate."""


class LiveDisplay(Tally):
    """A display of a few lines that stays below the log, and goes when the run ends."""

    def __init__(self, logger: Logger) -> None:
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
        """Draw the time that passes."""
        # Not Live's own thread: between measuring the last picture and writing the next, it and the log overlap, and
        # a line of the log is erased as if it were the display's.
        while True:
            await anyio.sleep(REDRAW_EVERY)
            self.live.refresh()

    def discovering(self) -> None:
        """Say that accounts are being looked for."""
        self.waiting.update(self.waiting.task_ids[0], description="looking for accounts")
        self.live.refresh()

    def planned(self, run_id: str, accounts: Sequence[Account], targets: Sequence[Target]) -> None:
        """Note the names of the accounts as well."""
        self.names = {account.account_id: account.name for account in accounts}
        super().planned(run_id, accounts, targets)
        self.progress.reset(self.task, total=len(targets))
        self.live.refresh()

    def harvested(self, harvest: Harvest) -> None:
        """Note the slowest targets as well."""
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
