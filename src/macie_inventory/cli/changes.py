"""`changes`: what a person asks every morning."""

from __future__ import annotations

from typing import Any

import rich_click as click

from macie_inventory.cli.options import Command, global_options, settings_of
from macie_inventory.cli.rows import ROW_FORMATS, print_rows

__all__ = ["changes"]


@click.command(cls=Command)
@click.option(
    "--since",
    default="last",
    show_default=True,
    metavar="RUN|TIME|last",
    help="The last run; a run and those after it; or a time: 2026-11-01, 2026-11-01T06:00Z, 24h.",
)
@click.option(
    "--format", "form", type=click.Choice(ROW_FORMATS), default="table", show_default=True, help="What stdout gets."
)
@global_options
@click.pass_context
def changes(ctx: click.Context, /, since: str, form: str, **given: Any) -> None:
    """Show which jobs appeared, changed, disappeared and came back, newest first.

    \b
    macie-inventory changes
    macie-inventory changes --since 24h --format json
    """
    settings = settings_of(ctx, given)
    import anyio  # noqa: PLC0415 - after the options are known to be right

    from macie_inventory.store import changes_since, parse_database_url  # noqa: PLC0415 - SQLAlchemy is slow to import

    async def ask() -> None:
        async with await changes_since(parse_database_url(settings.database), since) as rows:
            await print_rows(rows, form)

    anyio.run(ask)
