"""Run the pipeline under signals and a progress display, then report: what `collect` and `demo` share."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import rich_click as click

from macie_inventory.cli.display import open_display, restore_terminal
from macie_inventory.cli.logs import configure_logs
from macie_inventory.errors import DatabaseError, MacieInventoryError
from macie_inventory.metrics import check_metrics_file, read_history, write_metrics
from macie_inventory.model import RunStatus
from macie_inventory.overview.news import read_news
from macie_inventory.pipeline.collect import collect, resume_run
from macie_inventory.pipeline.stop import Stop
from macie_inventory.report import EXIT_CODES, run_as_json
from macie_inventory.store import parse_database_url
from macie_inventory.telemetry import open_telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anyio.abc import TaskStatus

    from macie_inventory.cli.display import Display
    from macie_inventory.overview.news import RunNews
    from macie_inventory.pipeline.observer import Observer
    from macie_inventory.settings import Settings
    from macie_inventory.store import Gap, RunSummary

__all__ = ["run_and_report"]

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_and_report(settings: Settings, *, resume: str | None = None) -> int:
    """Collect as the settings say, print the summary on stdout and give the exit code."""
    if settings.metrics_file is not None:
        check_metrics_file(settings.metrics_file)
    logger = configure_logs(settings)
    # What is alive by now stays; the collector need not look at it again and again.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    with open_display(settings, logger) as display, open_telemetry() as telemetry, telemetry.run():
        with _noted_signals() as noted:
            summary, gaps = anyio.run(_run, settings, display, resume, noted, backend="asyncio")
        telemetry.ended(summary.status)
    if settings.format == "json":
        click.echo(json.dumps(run_as_json(summary, gaps), indent=2))
    else:
        from macie_inventory.cli.summary import print_summary  # noqa: PLC0415 - rich, and only for text

        print_summary(summary, gaps, anyio.run(_news, settings.database, summary.run_id, backend="asyncio"))
    if summary.status is RunStatus.FAILED:
        click.echo(f"macie-inventory: error: {summary.error}", err=True)
    if settings.metrics_file is not None:
        history = anyio.run(read_history, parse_database_url(settings.database), backend="asyncio")
        write_metrics(settings.metrics_file, summary, history)
    return EXIT_CODES[summary.status]


@contextmanager
def _noted_signals() -> Iterator[list[int]]:
    """Note the signals that come before the run heeds them, instead of breaking into whatever is being done."""
    noted: list[int] = []
    before = {number: signal.signal(number, lambda number, _: noted.append(number)) for number in SIGNALS}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _run(
    settings: Settings, display: Display, resume: str | None, noted: list[int]
) -> tuple[RunSummary, Sequence[Gap]]:
    stop = Stop()
    ended: tuple[RunSummary, Sequence[Gap]] | MacieInventoryError
    async with anyio.create_task_group() as tasks:
        await tasks.start(_heed_signals, stop, display, noted)
        tasks.start_soon(display.redraw)
        try:
            ended = await _collect(settings, display, stop, resume)
        except MacieInventoryError as error:
            ended = error  # raised outside of the group, which would wrap it
        tasks.cancel_scope.cancel()
    if isinstance(ended, MacieInventoryError):
        raise ended
    return ended


async def _collect(
    settings: Settings, observer: Observer, stop: Stop, resume: str | None
) -> tuple[RunSummary, Sequence[Gap]]:
    limits = settings.limits()
    if resume is None:
        return await collect(settings.scope(), database=settings.database, limits=limits, observer=observer, stop=stop)
    return await resume_run(
        resume,
        database=settings.database,
        external_id=settings.external_id,
        limits=limits,
        observer=observer,
        stop=stop,
    )


async def _news(database: str, run_id: str) -> RunNews | None:
    try:
        return await read_news(parse_database_url(database), run_id)
    except DatabaseError:
        return None  # the run is stored; its summary goes without


async def _heed_signals(
    stop: Stop, observer: Observer, noted: list[int], *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """End the run in good order on the first signal, and at once on the second."""
    with anyio.open_signal_receiver(*SIGNALS) as signals:
        for early in noted:
            _heed(early, stop, observer)
        task_status.started()
        async for number in signals:
            _heed(number, stop, observer)


def _heed(number: int, stop: Stop, observer: Observer) -> None:
    if stop.requested:
        restore_terminal()
        sys.stderr.write("macie-inventory: stopped at once\n")
        sys.stderr.flush()
        os._exit(INTERRUPTED)
    name = signal.Signals(number).name
    observer.stopping(f"{name}: storing what is finished; once more stops at once")
    stop.request(RunStatus.INTERRUPTED, f"interrupted by {name}")
