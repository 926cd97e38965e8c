"""What a person sees of a run that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from macie_inventory.model import Outcome, RunStatus, parse_timestamp
from macie_inventory.overview.news import EXPIRES_WITHIN
from macie_inventory.report import duration_text, gap_causes, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from macie_inventory.overview.news import RunNews
    from macie_inventory.report import GapCause
    from macie_inventory.store import Gap, RunSummary

__all__ = ["print_summary"]

MOST_PLACES = 3
"""So many accounts or regions of one cause are named; `runs show --format json` has them all."""

STATUS_STYLES = {
    RunStatus.COMPLETE: "bold green",
    RunStatus.PARTIAL: "bold yellow",
    RunStatus.RUNNING: "bold blue",
}


def print_summary(summary: RunSummary, gaps: Sequence[Gap], news: RunNews | None) -> None:
    """Print a run on stdout: outcomes, jobs, changes, gaps with their next steps, and what is about to expire.

    Fits the terminal's width; without a terminal it is plain text of 80 columns, or of COLUMNS.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        for part in _parts(summary, gaps, news, console):
            console.print(part)
    for line in capture.get().splitlines():
        console.out(line.rstrip(), highlight=False)


def _parts(
    summary: RunSummary, gaps: Sequence[Gap], news: RunNews | None, console: Console
) -> Iterator[RenderableType]:
    yield _headline(summary)
    yield from _side_by_side([_outcomes(summary), _jobs(summary), _changes(summary, news)], console)
    causes = gap_causes(gaps)
    for cause in causes:
        yield from _gap(cause)
    if any(len(cause.places) > MOST_PLACES for cause in causes):
        yield _indented(f"all of them: macie-inventory runs show {summary.run_id} --format json")
    if news is not None and (news.expiring or news.expired):
        yield from _expiring(news)


def _headline(summary: RunSummary) -> Text:
    line = Text.assemble("run ", summary.run_id, ": ", no_wrap=True)
    line.append(summary.status.value, STATUS_STYLES.get(summary.status, "bold red"))
    if summary.error:
        line.append(f"\n{printable(summary.error)}", "red")
    line.append(f"\n{summary.targets_covered:,} of {summary.targets_total:,} targets covered")
    if summary.finished_at:
        took = parse_timestamp(summary.finished_at) - parse_timestamp(summary.started_at)
        line.append(f" in {duration_text(took.total_seconds())}")
    line.append(f"; {summary.api_calls:,} calls, {summary.retries:,} retries, {summary.throttles:,} throttled")
    return line


def _side_by_side(tables: Sequence[Table], console: Console) -> Iterator[RenderableType]:
    between = 3
    needed = sum(console.measure(table).maximum + between for table in tables) - between
    yield Text()
    if needed <= console.width:
        grid = Table.grid(padding=(0, between))
        grid.add_row(*tables)
        yield grid
        return
    for number, table in enumerate(tables):
        if number:
            yield Text()
        yield table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), header_style="bold")
    table.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _outcomes(summary: RunSummary) -> Table:
    table = _table("outcome", "targets")
    known = [(outcome, summary.by_outcome[outcome]) for outcome in Outcome if summary.by_outcome.get(outcome)]
    for outcome, count in known:
        mark, style = ("✓", "green") if outcome.covered else ("✗", "yellow")
        table.add_row(Text(f"{mark} {outcome.value}", style=style), f"{count:,}")
    return table


def _jobs(summary: RunSummary) -> Table:
    table = _table("jobs by status", f"{summary.jobs_seen:,}")
    for status, count in summary.jobs_by_status.items():
        table.add_row(printable(status or "(none)"), f"{count:,}")
    return table


def _changes(summary: RunSummary, news: RunNews | None) -> Table:
    previous = news.previous_started_at if news else None
    since = f"since {previous[5:16].replace('T', ' ')}Z" if previous else "first run" if news else "changes"
    table = _table(since, "jobs")
    table.add_row("appeared", f"{summary.jobs_appeared:,}")
    table.add_row("changed", f"{summary.jobs_changed:,}")
    for change in (news.status_changes if news else ())[:4]:
        step = printable(f"  {change.old or '-'} → {change.new or '-'}")
        table.add_row(Text(step, style="dim"), Text(f"{change.jobs:,}", "dim"))
    table.add_row("disappeared", f"{summary.jobs_disappeared:,}")
    if summary.jobs_reappeared:
        table.add_row("reappeared", f"{summary.jobs_reappeared:,}")
    return table


def _gap(cause: GapCause) -> Iterator[RenderableType]:
    code = f" ({printable(cause.error_code)})" if cause.error_code else ""
    yield Text(f"\ngap: {cause.targets:,} x {cause.outcome.value}{code}", style="bold yellow")
    for place in cause.places[:MOST_PLACES]:
        yield _indented(place)
    if len(cause.places) > MOST_PLACES:
        yield _indented(f"and {len(cause.places) - MOST_PLACES:,} more")
    yield _indented(f"next: {cause.next_step}")


def _expiring(news: RunNews) -> Iterator[RenderableType]:
    past = f", and {news.expired:,} whose time is over" if news.expired else ""
    title = f"\npaused jobs that expire within {EXPIRES_WITHIN:.0f} days: {news.expiring_total:,}{past}"
    yield Text(title, style="bold yellow")
    for job in news.expiring:
        place = f"{job.account_name or job.account_id} {job.region} {job.name or ''}"
        yield _indented(printable(f"{job.days_left:>5.1f} d  {place}"))
    if news.expired or news.expiring_total > len(news.expiring):
        yield _indented('all of them: macie-inventory query "SELECT * FROM expiring_jobs ORDER BY days_left"')


def _indented(text: str) -> RenderableType:
    return Padding(Text(text, overflow="fold"), (0, 0, 0, 2), expand=False)
