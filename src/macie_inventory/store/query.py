"""Questions to a database: read-only by construction, streamed, with parameters."""

from __future__ import annotations

import re
import sqlite3
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from macie_inventory.errors import ConfigurationError, UsageError
from macie_inventory.model import timestamp
from macie_inventory.store.catalogue import read_query
from macie_inventory.store.engine import create_engine
from macie_inventory.store.inspection import require_current
from macie_inventory.store.statement import check_parameters, prepare, sqlite_value, with_query
from macie_inventory.store.trouble import translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    import aiosqlite
    from psycopg import AsyncConnection, AsyncCursor

    from macie_inventory.store.engine import DatabaseUrl
    from macie_inventory.store.statement import Statement

__all__ = ["Rows", "moment_of", "open_query", "plain_value"]

AS_OF = "jobs_as_of"
_CHUNK = 500
# Classes of SQLSTATE that speak of the query, not of the server: unsupported, cardinality, data, syntax, limits, raised.
_POSTGRESQL_REFUSALS = ("0A", "21", "22", "42", "54", "P0")
# What SQLite says of the text of a query; trouble with the file has other codes.
_SQLITE_REFUSALS = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE)
_AGO = re.compile(r"(\d{1,5})\s*([hdw])")
_UNIT = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The columns of a result and its rows, in batches as they arrive.

    A value is a text, a number, a boolean or None: moments are UTC text, JSON is its text.
    """

    columns: tuple[str, ...]
    batches: AsyncIterator[list[tuple[Any, ...]]]


def moment_of(text: str, *, now: datetime | None = None) -> str:
    """Read a moment a person writes: ISO 8601 (UTC unless it says otherwise), or `24h`, `7d`, `2w` ago.

    Raises UsageError for anything else.
    """
    text = text.strip()
    try:
        if ago := _AGO.fullmatch(text):
            return timestamp((now or datetime.now(UTC)) - timedelta(**{_UNIT[ago[2]]: int(ago[1])}))
        moment = datetime.fromisoformat(text)
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no moment: write 2026-11-01, 2026-11-01T06:00Z or 24h") from None


@asynccontextmanager
async def open_query(
    url: DatabaseUrl, sql: str, parameters: Mapping[str, str] | None = None, *, as_of: str | None = None
) -> AsyncIterator[Rows]:
    """Ask one question; `:name` in it takes the value of that parameter.

    `as_of` (a moment) lets the query read `jobs_as_of`, the jobs as they were then. Raises UsageError for what is no
    query, for what the database refuses and for whatever would write; DatabaseError when there is trouble.
    """
    statement = prepare(sql, url.dialect)
    values = dict(parameters or {})
    check_parameters(statement, values)
    text = statement.sql
    if as_of is not None:
        if AS_OF not in statement.words:
            raise UsageError("the query does not read jobs_as_of: leave --as-of out, or write FROM jobs_as_of")
        history = prepare(read_query(AS_OF, url.dialect)[1], url.dialect)
        text, values["as_of"] = with_query(text, AS_OF, history.sql), moment_of(as_of)
    elif AS_OF in statement.words:
        raise UsageError("jobs_as_of needs a moment: add --as-of 2026-11-01T00:00Z")
    if not await require_current(url):
        raise ConfigurationError(f"there is no inventory at {url.name}: run `macie-inventory collect` first")
    engine = create_engine(url, readonly=True)
    try:
        async with engine.connect() as connection:
            raw = await connection.get_raw_connection()
            driver: Any = raw.driver_connection
            run = _sqlite if url.dialect == "sqlite" else _postgresql
            async with run(url, driver, statement, text, values) as rows:
                yield rows
    finally:
        await engine.dispose()


@asynccontextmanager
async def _sqlite(
    url: DatabaseUrl, driver: aiosqlite.Connection, _statement: Statement, sql: str, values: dict[str, str]
) -> AsyncIterator[Rows]:
    bound = {name: sqlite_value(value) for name, value in values.items()}
    with _refusals(url):
        cursor = await driver.execute(sql, bound)
    try:
        columns = tuple(column[0] for column in cursor.description or ())
        yield Rows(columns=columns, batches=_batches(url, cursor))
    finally:
        await cursor.close()


@asynccontextmanager
async def _postgresql(
    url: DatabaseUrl, driver: AsyncConnection[Any], statement: Statement, sql: str, values: dict[str, str]
) -> AsyncIterator[Rows]:
    from psycopg.types.string import TextLoader  # noqa: PLC0415 - an optional extra

    # Only what DECLARE takes is streamed by the server; EXPLAIN and SHOW are short.
    streamed = statement.first_word in ("select", "with", "values", "table")
    async with driver.cursor(name="question") if streamed else driver.cursor() as cursor:
        for kind in ("json", "jsonb"):
            cursor.adapters.register_loader(kind, TextLoader)
        with _refusals(url):
            await cursor.execute(sql, values)
        columns = tuple(column.name for column in cursor.description or ())
        yield Rows(columns=columns, batches=_batches(url, cursor))


async def _batches(
    url: DatabaseUrl, cursor: aiosqlite.Cursor | AsyncCursor[Any]
) -> AsyncIterator[list[tuple[Any, ...]]]:
    while True:
        with _refusals(url):
            rows = await cursor.fetchmany(_CHUNK)
        if not rows:
            return
        yield [tuple(map(plain_value, row)) for row in rows]


@contextmanager
def _refusals(url: DatabaseUrl) -> Iterator[None]:
    """Tell a query that the database refuses from a database in trouble."""
    with translated(url):
        try:
            yield
        except Exception as error:
            if reason := _refusal(error):
                raise UsageError(reason) from error
            raise


def _refusal(error: BaseException) -> str | None:
    """Say why a database refuses a query; None when it is in trouble instead."""
    state = getattr(error, "sqlstate", None) or ""
    code = getattr(error, "sqlite_errorcode", None)
    if state.startswith("25") or (isinstance(code, int) and code & 0xFF == sqlite3.SQLITE_READONLY):
        return "only reading is possible here: the query would write"
    if state == "0A000" and "data-modifying" in str(error):
        return "only reading is possible here: the query would write"
    wrong = state.startswith(_POSTGRESQL_REFUSALS) and state != "42501"
    if wrong or code in _SQLITE_REFUSALS or isinstance(error, sqlite3.ProgrammingError):
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return f"the database refuses the query: {lines[0]}"
    return None


def plain_value(value: Any) -> Any:  # noqa: ANN401 - what a driver gives
    """Give a driver's value as a text, a number, a boolean or None."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return timestamp(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return str(value)
