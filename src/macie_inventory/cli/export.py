"""`export`: views and tables as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from macie_inventory.cli.options import Command, global_options, settings_of

if TYPE_CHECKING:
    from macie_inventory.store.exports import Format

__all__ = ["export"]


@click.command(cls=Command)
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl", "parquet"]), required=True, help="The kind of file."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Where the files go.",
)
@click.option("--view", "names", multiple=True, metavar="NAME…", help="Only these views or tables; default every view.")
@global_options
@click.pass_context
def export(ctx: click.Context, /, form: Format, output: Path, names: tuple[str, ...], **given: Any) -> None:
    """Write views as files, one each; a file appears whole or not at all.

    \b
    macie-inventory export --format parquet --output export/
    macie-inventory export --format csv --output export/ --view current_jobs coverage_gaps
    """
    settings = settings_of(ctx, given)
    import anyio  # noqa: PLC0415 - after the options are known to be right

    from macie_inventory.store import export as write  # noqa: PLC0415 - SQLAlchemy is slow to import
    from macie_inventory.store import parse_database_url  # noqa: PLC0415 - SQLAlchemy is slow to import

    url = parse_database_url(settings.database)
    for exported in anyio.run(write, url, output, form, names or None):
        click.echo(f"{exported.path}  {exported.rows} rows")
