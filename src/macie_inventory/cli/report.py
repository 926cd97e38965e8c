"""`report`: the inventory as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from macie_inventory.cli.options import Command, global_options, settings_of

__all__ = ["report"]

HELP = """\
Write one self-contained HTML file: coverage, gaps, jobs and changes, with charts, a map and searchable tables.

It loads nothing from the network and can be mailed or archived. Needs pip install 'macie-inventory[report]'.

\b
macie-inventory report --output report.html
macie-inventory report --output october.html --run 019a7c1e-6f3a-7d4e-9b1c-2f5a8e7d6c3b
"""


@click.command(cls=Command, help=HELP)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    required=True,
    help="The file to write.",
)
@click.option(
    "--run", "run_id", default="last", show_default=True, metavar="RUN_ID|last", help="Whose coverage and changes."
)
@global_options
@click.pass_context
def report(ctx: click.RichContext, /, output: Path, run_id: str, **given: Any) -> None:
    """Write the report; the help says more."""
    settings = settings_of(ctx, given)
    import anyio  # noqa: PLC0415 - after the options are known to be right

    from macie_inventory.html_report import write_report  # noqa: PLC0415 - SQLAlchemy is slow to import
    from macie_inventory.store import parse_database_url  # noqa: PLC0415 - SQLAlchemy is slow to import

    size = anyio.run(write_report, parse_database_url(settings.database), run_id, output, backend="asyncio")
    click.echo(f"{output}: {size / 1_000_000:.1f} MB")
