"""`db`: the database's schema."""

from __future__ import annotations

from typing import Any

import rich_click as click

from macie_inventory.cli.options import Command, global_options, settings_of
from macie_inventory.errors import DatabaseError

__all__ = ["db"]


@click.group(cls=click.RichGroup)
def db() -> None:
    """Create, upgrade and check the database.

    \b
    macie-inventory db upgrade --database sqlite:///inventory.db --backup
    macie-inventory db check
    """


@db.command(cls=Command)
@click.option("--backup", is_flag=True, help="Copy an SQLite file before it is changed.")
@global_options
@click.pass_context
def upgrade(ctx: click.RichContext, /, backup: bool, **given: Any) -> None:
    """Create the schema, or bring it to what this version writes."""
    url, migrate = _open(ctx, given)
    import anyio  # noqa: PLC0415 - after the options are known to be right

    before = anyio.run(migrate.check, url)
    if backup and before.state is migrate.SchemaState.OUTDATED:
        click.echo(f"copied to {anyio.run(migrate.backup, url)}")
    anyio.run(migrate.upgrade, url)
    if before.state is migrate.SchemaState.CURRENT:
        click.echo(f"{url}: already at {before.head}")
    else:
        click.echo(f"{url}: {before.revision or 'empty'} -> {before.head}")


@db.command(cls=Command)
@global_options
@click.pass_context
def current(ctx: click.RichContext, /, **given: Any) -> None:
    """Print the database's revision, and the one that this version writes."""
    url, migrate = _open(ctx, given)
    import anyio  # noqa: PLC0415 - after the options are known to be right

    found = anyio.run(migrate.check, url)
    click.echo(f"{url}: {found.revision or 'none'} (this version writes {found.head})")


@db.command(cls=Command)
@global_options
@click.pass_context
def check(ctx: click.RichContext, /, **given: Any) -> None:
    """Succeed when the schema is what this version writes; otherwise say what to do and exit with 1."""
    url, migrate = _open(ctx, given)
    import anyio  # noqa: PLC0415 - after the options are known to be right

    if not anyio.run(migrate.require_current, url):
        raise DatabaseError(f"{url} has no schema yet: run `macie-inventory db upgrade`")
    click.echo(f"{url}: nothing to do")


def _open(ctx: click.Context, given: dict[str, Any]) -> tuple[Any, Any]:
    settings = settings_of(ctx, given)
    from macie_inventory.store import migrate, parse_database_url  # noqa: PLC0415 - SQLAlchemy is slow to import

    return parse_database_url(settings.database), migrate
