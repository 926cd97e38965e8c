"""How a database's schema stands against this program; nothing here writes.

The migrations lie in `alembic/` at the root of a checkout and, in a wheel, in `macie_inventory/store/migrations`.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macie_inventory.errors import DatabaseError, SchemaOutdatedError
from macie_inventory.store.engine import create_engine
from macie_inventory.store.schema import VERSION_TABLE, metadata
from macie_inventory.store.trouble import translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from macie_inventory.store.engine import DatabaseUrl

__all__ = [
    "SchemaCheck",
    "SchemaState",
    "check",
    "current",
    "folder",
    "head",
    "known_revisions",
    "refuse_newer",
    "require_current",
    "require_writable",
]


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


async def current(url: DatabaseUrl, *, untouched: bool = False) -> str | None:
    """Give the revision of a database; None when it has no schema yet. Nothing is written.

    `untouched` is that of `create_engine`. Raises DatabaseError when it cannot be read, or belongs to another program.
    """
    if url.path is not None and not _is_sqlite_file(url):
        return None
    engine = create_engine(url, readonly=True, untouched=untouched)
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
    rows: Sequence[Any] = ()
    if VERSION_TABLE in found:
        rows = (await connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}")).fetchall()  # noqa: S608 - ours
        # Other programs use Alembic too: a revision without our tables is one of theirs.
        foreign = bool(rows) and not found.issuperset(metadata.tables)
    if foreign:
        raise DatabaseError(f"{url.name} holds the tables of another program: name another database or schema")
    return str(rows[0][0]) if rows else None


async def check(url: DatabaseUrl, *, untouched: bool = False) -> SchemaCheck:
    """Compare a database with this program; nothing is written.

    `untouched` is that of `create_engine`. Raises DatabaseError when it cannot be read, or belongs to another program.
    """
    revision, known = await current(url, untouched=untouched), known_revisions()
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
    refuse_newer(url, found)
    return found.state is SchemaState.CURRENT


def require_writable(url: DatabaseUrl) -> None:
    """Make sure that an SQLite file may be written, before SQLite is asked.

    SQLite would open it for reading and leave a log that the owner of the file cannot write. Raises DatabaseError.
    """
    path = url.path
    if path is None or (os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))):
        return
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = sqlite3.SQLITE_READONLY if path.exists() else sqlite3.SQLITE_CANTOPEN
    with translated(url):
        raise error


def refuse_newer(url: DatabaseUrl, found: SchemaCheck) -> None:
    """Raise DatabaseError when a newer program made the schema."""
    if found.state is SchemaState.NEWER:
        raise DatabaseError(
            f"the schema of {url.name} is revision {found.revision}, made by a newer program than this one, "
            f"which knows {found.head}: upgrade macie-inventory"
        )
