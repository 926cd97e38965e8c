"""`query` and `views`: questions in SQL, read-only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import rich_click as click

from macie_inventory.cli.options import Command, format_option, global_options, settings_of
from macie_inventory.cli.rows import ROW_FORMATS, print_rows
from macie_inventory.errors import UsageError

__all__ = ["query", "views"]


@click.command(cls=click.RichCommand)
@click.argument("sql", required=False)
@click.option("--view", metavar="NAME", help="Everything of one view or table: `macie-inventory views` lists them.")
@click.option(
    "--file", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="F.sql", help="A file with the query."
)
@click.option(
    "--param", "params", multiple=True, metavar="KEY=VALUE", help="The value of :KEY in the query; repeatable."
)
@click.option(
    "--as-of",
    metavar="MOMENT",
    help="Lets the query read jobs_as_of: the jobs as they were, 2026-11-01T00:00Z or 24h ago.",
)
@click.option(
    "--format", "form", type=click.Choice(ROW_FORMATS), default="table", show_default=True, help="What stdout gets."
)
@global_options
@click.pass_context
def query(ctx: click.Context, /, sql: str | None, form: str, **given: Any) -> None:
    """Ask the inventory a question in SQL; nothing can be written.

    \b
    macie-inventory query "SELECT account_name, name FROM failing_jobs"
    macie-inventory query --view coverage_gaps --format csv
    macie-inventory query "SELECT name FROM bucket_jobs WHERE bucket_name = :b" --param b=invoices
    macie-inventory query --as-of 2026-11-01T00:00Z "SELECT count(*) FROM jobs_as_of"
    """
    text = _question(sql, given["view"], given["file"], given["as_of"])
    parameters = dict(_parameter(param) for param in given["params"])
    settings = settings_of(ctx, {name: value for name, value in given.items() if name not in _OWN})
    import anyio  # noqa: PLC0415 - after the options are known to be right

    from macie_inventory.store import open_query, parse_database_url  # noqa: PLC0415 - SQLAlchemy is slow to import

    async def ask() -> None:
        url = parse_database_url(settings.database)
        async with open_query(url, text, parameters, as_of=given["as_of"]) as rows:
            await print_rows(rows, form)

    anyio.run(ask)


_OWN = ("view", "file", "params", "as_of")


def _question(sql: str | None, view: str | None, file: Path | None, as_of: str | None) -> str:
    if sum(source is not None for source in (sql, view, file)) > 1:
        raise UsageError("give one of SQL, --view and --file")
    if sql is not None:
        return sql
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {file}: {error}") from error
    if view is None and as_of is None:
        raise UsageError("there is no question: give SQL, --view NAME or --file F.sql")
    return f"SELECT * FROM {_known(view or 'jobs_as_of')}"  # noqa: S608 - one of our names


def _known(view: str) -> str:
    from macie_inventory.store import EXPORTABLE  # noqa: PLC0415 - SQLAlchemy is slow to import

    if view not in (*EXPORTABLE, "jobs_as_of"):
        raise UsageError(f"there is no view {view!r}: `macie-inventory views` lists them")
    return view


def _parameter(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise UsageError(f"--param {text!r} is no KEY=VALUE")
    return name, value


@click.command(cls=Command)
@format_option
@global_options
@click.pass_context
def views(ctx: click.Context, /, **given: Any) -> None:
    """List the views and the question that each answers."""
    settings = settings_of(ctx, given)
    from macie_inventory.store import views as all_views  # noqa: PLC0415 - SQLAlchemy is slow to import

    found = all_views()
    if settings.format == "json":
        click.echo(json.dumps([{"name": view.name, "question": view.question} for view in found], indent=2))
        return
    for view in found:
        click.echo(f"{view.name:<20} {view.question}")
