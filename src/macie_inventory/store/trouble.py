"""The one place where a driver's error becomes ours: one line that names the database and the next step."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from macie_inventory.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from macie_inventory.store.engine import DatabaseUrl

__all__ = ["ConnectionLostError", "translated"]


class ConnectionLostError(DatabaseError):
    """The server went away or does not answer; the same transaction may succeed on a new connection."""


_SQLITE = {
    sqlite3.SQLITE_FULL: "the disk is full: make room; what was stored before is intact",
    sqlite3.SQLITE_READONLY: "it is read-only: check the permissions of the file and of its folder",
    sqlite3.SQLITE_PERM: "access is denied: check the permissions of the file and of its folder",
    sqlite3.SQLITE_BUSY: "another process has locked it: wait for it to finish, or find it with fuser",
    sqlite3.SQLITE_LOCKED: "another process has locked it: wait for it to finish, or find it with fuser",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: name another file",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore a copy, or collect into a new file",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check the file, its folder and their permissions",
    sqlite3.SQLITE_IOERR: "the disk does not read or write: check it, then try again",
    sqlite3.SQLITE_TOOBIG: "a value is larger than SQLite can hold (1 GB)",
}

_POSTGRESQL = {
    "25006": "it is read-only: connect to the primary server, or lift default_transaction_read_only",
    "28P01": "the password is refused: check PGPASSWORD or ~/.pgpass",
    "28000": "the login is refused: check the role and pg_hba.conf",
    "3D000": "there is no such database: create it with createdb",
    "3F000": "there is no such schema: create it, or correct search_path",
    "42501": "the role lacks a permission: see the GRANTs in docs/how-to/postgresql.md",
    "53100": "the disk of the server is full: make room; what was stored before is intact",
    "53300": "the server has no connection left: try again, or raise max_connections",
    "55P03": "a lock was not released in time: wait for the other transaction to end",
    "57014": "the statement was cancelled: check statement_timeout",
}


@contextmanager
def translated(url: DatabaseUrl) -> Iterator[None]:
    """Turn every error of a driver inside the block into a DatabaseError of one line; others pass.

    Raises ConnectionLostError where a new connection may help.
    """
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        raise _ours(url, cause, lost=lost) from error
    except (sqlite3.Error, OSError) as error:
        raise _ours(url, error) from error
    except Exception as error:
        if not _from_psycopg(error):
            raise
        raise _ours(url, error) from error


def _from_psycopg(error: BaseException) -> bool:
    return any(kind.__module__.startswith("psycopg") for kind in type(error).__mro__)


def _ours(url: DatabaseUrl, cause: BaseException, *, lost: bool = False) -> DatabaseError:
    if url.dialect == "sqlite":
        return _from_sqlite(url, cause)
    state = getattr(cause, "sqlstate", None)
    advice = _POSTGRESQL.get(state or "")
    if state and advice:
        return DatabaseError(f"cannot use {url}: {advice} ({_first_line(cause)})")
    # Without an SQLSTATE the server never answered; 57P0x is a server that stops or starts, 08 a broken connection.
    unanswered = not state and type(cause).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
    if lost or unanswered or (state or "").startswith(("08", "57P")):
        return ConnectionLostError(
            f"cannot reach {url}: {_first_line(cause)} — check that the server runs, and the host and port"
        )
    return DatabaseError(f"cannot use {url}: {_first_line(cause)}")


def _from_sqlite(url: DatabaseUrl, cause: BaseException) -> DatabaseError:
    if isinstance(cause, OSError):
        return DatabaseError(f"cannot use {url.name}: {cause.strerror or cause} — check the file and its permissions")
    code = getattr(cause, "sqlite_errorcode", None)
    advice = _SQLITE.get(code & 0xFF) if isinstance(code, int) else None
    return DatabaseError(f"cannot use {url.name}: {advice or _first_line(cause)}")


def _first_line(cause: BaseException) -> str:
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
