"""Bringing a database's schema to what this program writes.

Views are no migrations: they are dropped before an upgrade and created from `store/views/` after it, because SQLite
rebuilds tables that no view may be reading meanwhile. A changed view therefore needs a new revision, even an empty one.

A database without a schema is given the newest one at once, and is noted to be at its revision: a test holds it against
what the migrations add up to. Importing Alembic is a fifteenth of what a collect costs before its first call.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from macie_inventory.errors import DatabaseError
from macie_inventory.store.catalogue import create_views, drop_views
from macie_inventory.store.engine import create_engine, parse_database_url
from macie_inventory.store.inspection import (
    SchemaCheck,
    SchemaState,
    check,
    current,
    folder,
    head,
    refuse_newer,
    require_current,
    require_writable,
)
from macie_inventory.store.schema import VERSION_TABLE, metadata
from macie_inventory.store.trouble import translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

    from macie_inventory.store.engine import DatabaseUrl

__all__ = [
    "SchemaCheck",
    "SchemaState",
    "backup",
    "check",
    "current",
    "head",
    "require_current",
    "run_environment",
    "upgrade",
]

DEFAULT_DATABASE = "sqlite:///macie-inventory.db"
_LOCK_NUMBER = 7_311_600_221
"""Taken in PostgreSQL while migrating, so that two programs do not migrate the same database at once."""


async def upgrade(url: DatabaseUrl) -> SchemaCheck:
    """Create the schema, or bring it to this program's revision, in one transaction; views are made anew.

    Gives how the database stood before. An SQLite file that does not exist is created, readable by its owner only, and
    removed again when that fails. Raises DatabaseError when it cannot be written or a newer program made it.
    """
    before = await check(url)
    refuse_newer(url, before)
    require_writable(url)
    fresh = before.state is SchemaState.NONE
    if not fresh:
        await asyncio.to_thread(import_module, "alembic.command")  # too long for an event loop
    created = _create_file(url)
    engine = create_engine(url)
    try:
        with translated(url):
            if url.dialect == "sqlite" and fresh:
                await _prepare_file(engine)
            async with engine.begin() as connection:
                if url.dialect == "postgresql":
                    await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK_NUMBER,))
                await connection.run_sync(_create if fresh else _migrate_to_head)
    except BaseException:
        await engine.dispose()
        if created and url.path is not None:
            url.path.unlink(missing_ok=True)
        raise
    await engine.dispose()
    return before


def _create_file(url: DatabaseUrl) -> bool:
    if url.path is None:
        return False
    with translated(url):
        try:
            os.close(os.open(url.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
    return True


async def _prepare_file(engine: AsyncEngine) -> None:
    """Choose what an SQLite file can only be given before its first table: its page size and its journal."""
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        await driver.execute_fetchall("PRAGMA page_size = 8192")
        await driver.execute_fetchall("PRAGMA journal_mode = WAL")


def _create(connection: Connection) -> None:
    """Create the newest schema; a table of versions means that another program was quicker, or has been here."""
    if inspect(connection).has_table(VERSION_TABLE):
        _migrate_to_head(connection)
        return
    metadata.create_all(connection, checkfirst=False)
    # As Alembic makes it.
    connection.exec_driver_sql(
        f"CREATE TABLE {VERSION_TABLE} "
        f"(version_num VARCHAR(32) NOT NULL, CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} (version_num) VALUES ('{head()}')")  # noqa: S608 - ours
    create_views(connection)


def _migrate_to_head(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - 0.1 s that only a migration needs
    from alembic.config import Config  # noqa: PLC0415 - 0.1 s that only a migration needs

    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def run_environment() -> None:
    """Do what Alembic's `env.py` is for, on the program's connection or, for the `alembic` command, on one of its own.

    Raises ConfigurationError for a bad MACIE_INVENTORY_DATABASE.
    """
    from alembic import context  # noqa: PLC0415 - only inside a migration
    from alembic.util import CommandError  # noqa: PLC0415 - only inside a migration

    if context.is_offline_mode():
        raise CommandError("SQL scripts are not offered: upgrade a copy of the database, or an empty one, and dump it")
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection, with_views=context.config.attributes.get("views", True))
        return
    command = getattr(context.config.cmd_opts, "cmd", (None,))[0]
    with_views = getattr(command, "__name__", "") == "upgrade"
    url = parse_database_url(os.environ.get("MACIE_INVENTORY_DATABASE", DEFAULT_DATABASE))
    asyncio.run(_in_own_connection(url, lambda own: _migrate(own, with_views=with_views)))


async def _in_own_connection(url: DatabaseUrl, work: Callable[[Connection], None]) -> None:
    engine = create_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(work)
    finally:
        await engine.dispose()


def _migrate(connection: Connection, *, with_views: bool) -> None:
    from alembic import context  # noqa: PLC0415 - only inside a migration

    context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
    if with_views:
        drop_views(connection)
    with context.begin_transaction():
        context.run_migrations()
    if with_views:
        create_views(connection)


async def backup(url: DatabaseUrl) -> Path | None:
    """Copy an SQLite database, whole even while it is in use, next to itself; None when there is none to copy.

    The copy is called `NAME.REVISION-MOMENT.bak` and readable by its owner only. Raises DatabaseError for PostgreSQL,
    whose own tool is pg_dump.
    """
    if url.path is None:
        raise DatabaseError(f"a copy of {url} is made by pg_dump: run it first, then `db upgrade` without --backup")
    revision = await current(url)
    if revision is None:
        return None
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    copy = url.path.with_name(f"{url.path.name}.{revision}-{moment}.bak")
    with translated(url):
        await asyncio.to_thread(_copy, url.path, copy)
    return copy


def _copy(path: Path, copy: Path) -> None:
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        source, target = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True), sqlite3.connect(copy)
        try:
            source.backup(target)
        finally:
            target.close()
            source.close()
    except BaseException:
        copy.unlink()
        raise
