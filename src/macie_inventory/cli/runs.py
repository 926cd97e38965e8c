"""`runs`: past runs, and the gaps of one."""

from __future__ import annotations

import json
from typing import Any

import rich_click as click

from macie_inventory.cli.options import Command, format_option, global_options, settings_of

__all__ = ["runs"]


@click.group(cls=click.RichGroup)
def runs() -> None:
    """Show past runs.

    \b
    macie-inventory runs list
    macie-inventory runs show last
    macie-inventory runs show --format json | jq '.gaps'
    """


@runs.command("list", cls=Command)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="The newest N.")
@format_option
@global_options
@click.pass_context
def list_(ctx: click.RichContext, /, limit: int, **given: Any) -> None:
    """List past runs, newest first."""
    settings = settings_of(ctx, given)
    import anyio  # noqa: PLC0415 - after the options are known to be right

    from macie_inventory.report import run_as_json, runs_as_text  # noqa: PLC0415 - with its users
    from macie_inventory.store import open_store, parse_database_url  # noqa: PLC0415 - SQLAlchemy is slow to import

    async def read() -> Any:  # noqa: ANN401 - summaries
        async with open_store(parse_database_url(settings.database), readonly=True) as store:
            return await store.list_runs(limit)

    summaries = anyio.run(read)
    if settings.format == "json":
        click.echo(json.dumps([_without_gaps(run_as_json(summary, ())) for summary in summaries], indent=2))
    else:
        click.echo("\n".join(runs_as_text(summaries)))


@runs.command(cls=click.RichCommand)
@click.argument("run_id", default="last", metavar="[RUN_ID|last]")
@format_option
@global_options
@click.pass_context
def show(ctx: click.RichContext, /, run_id: str, **given: Any) -> None:
    """Show one run and its gaps."""
    settings = settings_of(ctx, given)
    import anyio  # noqa: PLC0415 - after the options are known to be right

    from macie_inventory.cli.summary import print_summary  # noqa: PLC0415 - with its users
    from macie_inventory.overview.news import read_news  # noqa: PLC0415 - with its users
    from macie_inventory.report import run_as_json  # noqa: PLC0415 - with its users
    from macie_inventory.store import open_store, parse_database_url  # noqa: PLC0415 - SQLAlchemy is slow to import

    async def read() -> Any:  # noqa: ANN401 - a summary, its gaps and its news
        url = parse_database_url(settings.database)
        async with open_store(url, readonly=True) as store:
            summary = await store.summary(run_id)
            return summary, await store.gaps(summary.run_id), await read_news(url, summary.run_id)

    summary, gaps, news = anyio.run(read)
    if settings.format == "json":
        click.echo(json.dumps(run_as_json(summary, gaps), indent=2))
    else:
        print_summary(summary, gaps, news)


def _without_gaps(run: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in run.items() if key != "gaps"}
