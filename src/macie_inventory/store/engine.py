"""From a database URL to an engine: what is accepted, how it is shown, and how a connection is set up.

SQLite is spoken to through aiosqlite, PostgreSQL through psycopg 3. A PostgreSQL URL is handed to libpq as it is, so that
every parameter libpq knows (`options`, `service`, several hosts, `sslmode`), `PGPASSWORD` and `~/.pgpass` work.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import create_async_engine

from macie_inventory.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["BUSY_SECONDS", "DatabaseUrl", "create_engine", "parse_database_url"]

BUSY_SECONDS = 5.0
"""How long a statement waits for another process's lock on an SQLite file."""

_SQLITE_SETUP = ("PRAGMA synchronous = NORMAL", "PRAGMA wal_autocheckpoint = 4000")
_PASSWORD_PARAMETER = re.compile(r"((?:^|&)(?:password|sslpassword|passwd)=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """A database that can be used; as text it is its URL with the password masked.

    `path` is the SQLite file (None for PostgreSQL), `conninfo` what libpq is given (None for SQLite).
    """

    dialect: Literal["sqlite", "postgresql"]
    display: str
    path: Path | None = None
    conninfo: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.display

    @property
    def name(self) -> str:
        """What messages call the database: the file's path, or the URL without its password."""
        return str(self.path) if self.path else self.display


def parse_database_url(text: str) -> DatabaseUrl:
    """Read a database URL: `sqlite:///FILE`, or `postgresql://…` as libpq knows it.

    Raises ConfigurationError, with the next step, for everything else, for SQLite in memory, for an SQLite file whose
    folder does not exist, and for PostgreSQL when psycopg is not installed.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        raise ConfigurationError("the database is no URL: write sqlite:///FILE or postgresql://USER@HOST/NAME")
    scheme = scheme.lower()
    if scheme in ("sqlite", "sqlite+aiosqlite"):
        return _sqlite(rest)
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return _postgresql(rest)
    raise ConfigurationError(f"databases of kind {scheme!r} are not supported: use sqlite:///FILE or postgresql://…")


def _sqlite(rest: str) -> DatabaseUrl:
    if not rest.startswith("/"):
        raise ConfigurationError(f"sqlite://{rest} names no file: write sqlite:///{rest or 'FILE'}, with three slashes")
    name, _, parameters = rest[1:].partition("?")
    name = unquote(name)
    if not name or name.startswith((":memory:", "file:")):
        raise ConfigurationError("an inventory in memory would be lost at once: write sqlite:///FILE")
    if parameters:
        raise ConfigurationError(f"an SQLite URL takes no parameters: write sqlite:///{name}")
    path = Path(name).expanduser()
    if "\x00" in name or path.is_dir():
        raise ConfigurationError(f"{name!r} is no file name: write sqlite:///FILE")
    if not path.parent.is_dir():
        raise ConfigurationError(f"the folder of the database does not exist: create {path.parent} first")
    return DatabaseUrl(dialect="sqlite", display=f"sqlite:///{name}", path=path)


def _postgresql(rest: str) -> DatabaseUrl:
    conninfo = f"postgresql://{rest}"
    display = _masked(rest)
    try:
        from psycopg import ProgrammingError  # noqa: PLC0415 - an optional extra
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ConfigurationError("PostgreSQL needs an extra: pip install 'macie-inventory[postgres]'") from error
    try:
        conninfo_to_dict(conninfo)
    except ProgrammingError:
        # libpq's own message can quote the password.
        raise ConfigurationError(f"{display} is no PostgreSQL URL that libpq can read: check its parts") from None
    return DatabaseUrl(dialect="postgresql", display=display, conninfo=conninfo)


def _masked(rest: str) -> str:
    """Show a PostgreSQL URL without its password, wherever that stands."""
    authority, question, parameters = rest.partition("?")
    userinfo, at, host = authority.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    shown = f"{user}{':***' if colon else ''}{at}{host}"
    return f"postgresql://{shown}{question}" + _PASSWORD_PARAMETER.sub(r"\g<1>***", parameters)


def create_engine(url: DatabaseUrl, *, readonly: bool = False, untouched: bool = False) -> AsyncEngine:
    """Make an engine for one database; nothing is opened yet.

    The caller disposes of it. `readonly` connections cannot write, by construction. A transaction on a writing SQLite
    connection takes the write lock when it begins, so that it waits there and never fails half-way.

    A reader of an SQLite file puts the (empty) files of its log beside it, and removes them; with `untouched` it does
    not even that, as long as nobody has the file open. It is for a short look: a writer that begins meanwhile would
    not be noticed.
    """
    if url.dialect == "sqlite":
        return _sqlite_engine(url, readonly=readonly, untouched=untouched)
    return _postgresql_engine(url, readonly=readonly)


def _sqlite_engine(url: DatabaseUrl, *, readonly: bool, untouched: bool) -> AsyncEngine:
    assert url.path is not None  # noqa: S101 - holds for every SQLite URL
    path = url.path.absolute()
    query, database = {}, str(path)
    if readonly:
        query = _reading(path, untouched=untouched)
        database = "file:" + str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=database, query=query),
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
        pool_size=1,
        max_overflow=2,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in ("PRAGMA query_only = ON",) if readonly else _SQLITE_SETUP:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    return engine


def _reading(path: Path, *, untouched: bool) -> dict[str, str]:
    """Give how an SQLite file is opened that will only be read; `query_only` makes sure of that."""
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    if not path.with_name(path.name + "-wal").exists() and (untouched or not writable):
        # Without a log the file is at rest. One that we made could not be removed by us, or not be used by its owner.
        return {"uri": "true", "mode": "ro", "immutable": "1"}
    # SQLite removes the files of its log only for a connection that could write.
    return {"uri": "true", "mode": "rw" if writable else "ro"}


def _postgresql_engine(url: DatabaseUrl, *, readonly: bool) -> AsyncEngine:
    import psycopg  # noqa: PLC0415 - an optional extra

    conninfo = url.conninfo or ""

    async def connect() -> psycopg.AsyncConnection[Any]:
        connection = await psycopg.AsyncConnection.connect(
            conninfo, autocommit=True, fallback_application_name="macie-inventory"
        )
        await connection.execute("SET timezone = 'UTC'")
        if readonly:
            await connection.execute("SET default_transaction_read_only = on")
        await connection.set_autocommit(False)
        return connection

    return create_async_engine("postgresql+psycopg://", async_creator=connect, pool_size=1, max_overflow=2)
