"""`db prune`: forget what is old."""

from __future__ import annotations

from typing import Any

import rich_click as click

from macie_inventory.cli.options import Command, global_options, settings_of

__all__ = ["prune"]


@click.command(cls=Command)
@click.option("--older-than", metavar="TIME", help="Runs, their targets and changes from before: 90d, 2026-01-01.")
@click.option("--missing-older-than", metavar="TIME", help="Jobs that are missing since before: 180d, 2026-01-01.")
@click.option("--yes", is_flag=True, help="Delete; without it the rows are only counted.")
@global_options
@click.pass_context
def prune(
    ctx: click.Context, /, older_than: str | None, missing_older_than: str | None, yes: bool, **given: Any
) -> None:
    """Delete old runs, changes and missing jobs; a dry run unless told otherwise.

    The newest attempt at each account and region, and the newest that covered it, always stay.

    \b
    macie-inventory db prune --older-than 90d --missing-older-than 180d
    macie-inventory db prune --older-than 90d --yes
    """
    settings = settings_of(ctx, given)
    import anyio  # noqa: PLC0415 - after the options are known to be right

    from macie_inventory.store import parse_database_url  # noqa: PLC0415 - SQLAlchemy is slow to import
    from macie_inventory.store import prune as delete  # noqa: PLC0415 - SQLAlchemy is slow to import

    url = parse_database_url(settings.database)

    async def work() -> Any:  # noqa: ANN401 - counts
        return await delete(url, older_than=older_than, missing_older_than=missing_older_than, apply=yes)

    counts = anyio.run(work)
    said = "deleted" if yes else "would delete"
    click.echo(
        f"{said} {counts.runs} runs, {counts.targets} targets, {counts.job_changes} changes, {counts.jobs} missing jobs"
        + ("" if yes else "; add --yes to do it")
    )
