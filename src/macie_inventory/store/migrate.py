"""Bringing a database's schema to what this program writes, and saying how it stands.

The migrations lie in `alembic/` at the root of a checkout and, in a wheel, in `macie_inventory/store/migrations`. Views
are no migrations: they are dropped before an upgrade and created from `store/views/` after it, because SQLite rebuilds
tables that no view may be reading meanwhile. A changed view therefore needs a new revision, even an empty one.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macie_inventory.errors import DatabaseError, SchemaOutdatedError
from macie_inventory.store.catalogue import create_views, drop_views
from macie_inventory.store.engine import create_engine, parse_database_url
from macie_inventory.store.schema import VERSION_TABLE, metadata
from macie_inventory.store.trouble import translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from macie_inventory.store.engine import DatabaseUrl

__all__ = [
    "SchemaCheck",
    "SchemaState",
    "backup",
    "check",
    "current",
    "folder",
    "head",
    "known_revisions",
    "require_current",
    "run_environment",
    "upgrade",
]

DEFAULT_DATABASE = "sqlite:///macie-inventory.db"
_LOCK_NUMBER = 7_311_600_221
"""Taken in PostgreSQL while migrating, so that two programs do not migrate the same database at once."""


class SchemaState(StrEnum):
    """How a database's schema stands against this program."""

    NONE = "none"
    CURRENT = "current"
    OUTDATED = "outdated"
    NEWER = "newer"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaCheck:
    """A database's revision (None where there is no schema yet), the program's own, and what that means."""

    state: SchemaState
    revision: str | None
    head: str


def folder() -> Path:
    """Find the migrations: inside an installed package, or at the root of a checkout."""
    packaged = Path(__file__).with_name("migrations")
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "alembic"


def known_revisions() -> list[str]:
    """List every revision this program knows, oldest first; their files are named after them."""
    return sorted(path.name.partition("_")[0] for path in (folder() / "versions").glob("[0-9]*_*.py"))


def head() -> str:
    """Name the revision that this program writes."""
    return known_revisions()[-1]


async def current(url: DatabaseUrl) -> str | None:
    """Give the revision of a database; None when it has no schema yet. Nothing is written.

    Raises DatabaseError when it cannot be read, or belongs to another program.
    """
    if url.path is not None and not _is_sqlite_file(url):
        return None
    engine = create_engine(url, readonly=True)
    try:
        with translated(url):
            async with engine.connect() as connection:
                return await _revision(url, connection)
    finally:
        await engine.dispose()


def _is_sqlite_file(url: DatabaseUrl) -> bool:
    """Tell whether there is anything in the file; raise when it is something else than SQLite."""
    assert url.path is not None  # noqa: S101 - asked for SQLite only
    with translated(url):
        try:
            with url.path.open("rb") as file:
                header = file.read(16)
        except FileNotFoundError:
            return False
        if header and header != b"SQLite format 3\x00":
            error = sqlite3.DatabaseError()
            error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
            raise error
        return bool(header)


async def _revision(url: DatabaseUrl, connection: AsyncConnection) -> str | None:
    ours = {VERSION_TABLE, *metadata.tables}
    if url.dialect == "sqlite":
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
        found = {row[0] for row in await connection.exec_driver_sql(sql)}
        foreign = bool(found)
    else:
        sql = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(quote_ident(name)) IS NOT NULL"
        found = {row[0] for row in await connection.exec_driver_sql(sql, (list(ours),))}
        foreign = bool(found & set(metadata.tables))
    if VERSION_TABLE not in found:
        if foreign:
            raise DatabaseError(f"{url.name} holds the tables of another program: name another database or schema")
        return None
    rows = (await connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}")).fetchall()  # noqa: S608 - ours
    return str(rows[0][0]) if rows else None


async def check(url: DatabaseUrl) -> SchemaCheck:
    """Compare a database with this program; nothing is written.

    Raises DatabaseError when it cannot be read, or belongs to another program.
    """
    revision, known = await current(url), known_revisions()
    if revision is None:
        state = SchemaState.NONE
    elif revision == known[-1]:
        state = SchemaState.CURRENT
    else:
        state = SchemaState.OUTDATED if revision in known else SchemaState.NEWER
    return SchemaCheck(state=state, revision=revision, head=known[-1])


async def require_current(url: DatabaseUrl) -> bool:
    """Tell whether the database has this program's schema (True) or none yet (False).

    Raises SchemaOutdatedError when it wants `db upgrade`, DatabaseError when a newer program made it.
    """
    found = await check(url)
    if found.state is SchemaState.OUTDATED:
        raise SchemaOutdatedError(
            f"the schema of {url.name} is revision {found.revision}, this program writes {found.head}: "
            "run `macie-inventory db upgrade`"
        )
    _refuse_newer(url, found)
    return found.state is SchemaState.CURRENT


def _refuse_newer(url: DatabaseUrl, found: SchemaCheck) -> None:
    if found.state is SchemaState.NEWER:
        raise DatabaseError(
            f"the schema of {url.name} is revision {found.revision}, made by a newer program than this one, "
            f"which knows {found.head}: upgrade macie-inventory"
        )


async def upgrade(url: DatabaseUrl) -> SchemaCheck:
    """Create the schema, or bring it to this program's revision, in one transaction; views are made anew.

    Gives how the database stood before. An SQLite file that does not exist is created, readable by its owner only, and
    removed again when that fails. Raises DatabaseError when it cannot be written or a newer program made it.
    """
    before = await check(url)
    _refuse_newer(url, before)
    created = _create_file(url)
    engine = create_engine(url)
    try:
        with translated(url):
            if url.dialect == "sqlite" and before.state is SchemaState.NONE:
                await _prepare_file(engine)
            async with engine.begin() as connection:
                if url.dialect == "postgresql":
                    await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK_NUMBER,))
                await connection.run_sync(_run_command, "upgrade")
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


def _run_command(connection: Connection, name: str) -> None:
    from alembic import command  # noqa: PLC0415 - 0.1 s that only a migration needs
    from alembic.config import Config  # noqa: PLC0415 - 0.1 s that only a migration needs

    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    getattr(command, name)(config, "head")


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
        _migrate(connection, with_views=True)
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
