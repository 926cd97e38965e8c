"""Statements that take many rows at once, and the fastest way measured to hand each database its rows.

SQLite takes them by the driver's executemany. PostgreSQL takes few and short rows as one JSON parameter, so that a
statement costs one round trip, and the many and long rows of jobs by COPY into a temporary table and one INSERT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Text
from sqlalchemy.dialects.postgresql.base import PGDialect

from macie_inventory.normalise import JOB_COLUMNS
from macie_inventory.store.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["Operation", "apply", "execute", "forget_staging"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One statement in both dialects; `columns` name a row's values in order.

    `staging` is the table whose columns a temporary copy takes when PostgreSQL gets the rows by COPY, `direct` says
    that they go straight into that table, `texts` that every value is a text.
    """

    columns: tuple[str, ...]
    sqlite: str
    postgresql: str
    staging: str | None = None
    direct: bool = False
    texts: bool = False


def _insert(table: str, columns: Sequence[str], on_conflict: str, *, by_copy: bool = False) -> Operation:
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    source = f"rows_of_{table}" if by_copy else _rows(table, columns)
    return Operation(
        columns=tuple(columns),
        sqlite=f"INSERT INTO {table} ({names}) VALUES ({marks}) {on_conflict}",  # noqa: S608 - our names
        postgresql=f"INSERT INTO {table} ({names}) SELECT {names} FROM {source} {on_conflict}",  # noqa: S608 - our names
        staging=table if by_copy else None,
    )


def _rows(table: str, columns: Sequence[str]) -> str:
    """Give the PostgreSQL expression that reads one JSON parameter as rows, typed as the table's columns."""
    dialect = PGDialect()  # type: ignore[no-untyped-call]
    types = [metadata.tables[table].c[name].type.compile(dialect) for name in columns]
    typed = zip(columns, types, strict=True)
    values = ", ".join(f"(e->>{place})::{kind} AS {name}" for place, (name, kind) in enumerate(typed))
    return f"(SELECT {values} FROM json_array_elements(%s::json) AS e) AS v"  # noqa: S608 - our names


def _child(table: str) -> Operation:
    columns = tuple(metadata.tables[table].c.keys())
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    return Operation(
        columns=columns,
        sqlite=f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - our names
        postgresql="",
        staging=table,
        direct=True,
        texts=all(isinstance(column.type, Text) and not column.nullable for column in metadata.tables[table].c),
    )


def _assign(columns: Sequence[str]) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in columns)


_JOB = "account_id, region, job_id"
_SAME_JOB = "t.account_id = v.account_id AND t.region = v.region AND t.job_id = v.job_id"
_SEEN = ("last_seen_at", "last_seen_run")

PLAN_TARGETS = _insert(
    "targets",
    ("run_id", "account_id", "region", "outcome"),
    "ON CONFLICT (run_id, account_id, region) DO NOTHING",
)

_OUTCOME = tuple(metadata.tables["targets"].c.keys())
STORE_OUTCOMES = _insert(
    "targets",
    _OUTCOME,
    f"ON CONFLICT (run_id, account_id, region) DO UPDATE SET {_assign(_OUTCOME[3:])}",
)

_ACCOUNT = tuple(metadata.tables["accounts"].c.keys())
# What was not read this time keeps the value that was read before.
_KEPT = ", ".join(f"{name} = coalesce(excluded.{name}, accounts.{name})" for name in _ACCOUNT[1:9])
STORE_ACCOUNTS = _insert(
    "accounts",
    _ACCOUNT,
    f"ON CONFLICT (account_id) DO UPDATE SET {_KEPT}, last_seen_at = excluded.last_seen_at",
)

STORE_JOBS = _insert(
    "jobs",
    (*JOB_COLUMNS, "first_seen_at", "last_seen_at", "first_seen_run", "last_seen_run"),
    f"ON CONFLICT ({_JOB}) DO UPDATE SET {_assign(JOB_COLUMNS[3:])}, {_assign(_SEEN)}, missing_since = NULL",
    by_copy=True,
)

# A first run has as many of these as jobs; only their ids differ, so those of a target come as one JSON text. OR FAIL:
# the transaction is rolled back anyway, and for the default, ABORT, SQLite keeps a journal of the statement in a file.
NOTE_APPEARED = Operation(
    columns=("run_id", "account_id", "region", "observed_at", "job_ids"),
    sqlite="INSERT OR FAIL INTO job_changes (run_id, account_id, region, observed_at, job_id, change, field) "
    "SELECT ?, ?, ?, ?, e.value, 'appeared', '' FROM json_each(?) AS e WHERE true ON CONFLICT DO NOTHING",
    postgresql="INSERT INTO job_changes (run_id, account_id, region, observed_at, job_id, change, field) "
    "SELECT v->>0, v->>1, v->>2, (v->>3)::timestamptz, e.job_id, 'appeared', '' "
    "FROM json_array_elements(%s::json) AS v CROSS JOIN json_array_elements_text((v->>4)::json) AS e (job_id) "
    "ON CONFLICT DO NOTHING",
)

# A target that is read twice in one run (a resumed one) keeps its first old value; an appearance stays as it is.
STORE_CHANGES = _insert(
    "job_changes",
    tuple(metadata.tables["job_changes"].c.keys()),
    f"ON CONFLICT (run_id, {_JOB}, change, field) DO UPDATE "
    "SET new_value = excluded.new_value, observed_at = excluded.observed_at WHERE job_changes.change <> 'appeared'",
    by_copy=True,
)

STORE_BUCKETS = _child("job_buckets")
STORE_CRITERIA = _child("job_criteria")

_KEY = ("account_id", "region", "job_id")

TOUCH_TARGETS = Operation(
    columns=(*_SEEN, "account_id", "region"),
    sqlite="UPDATE jobs SET last_seen_at = ?, last_seen_run = ? "
    "WHERE account_id = ? AND region = ? AND missing_since IS NULL",
    postgresql="UPDATE jobs AS t SET last_seen_at = v.last_seen_at, last_seen_run = v.last_seen_run "  # noqa: S608 - ours
    f"FROM {_rows('jobs', (*_SEEN, 'account_id', 'region'))} "
    "WHERE t.account_id = v.account_id AND t.region = v.region AND t.missing_since IS NULL",
)

TOUCH_JOBS = Operation(
    columns=(*_SEEN, *_KEY),
    sqlite="UPDATE jobs SET last_seen_at = ?, last_seen_run = ?, missing_since = NULL "
    "WHERE account_id = ? AND region = ? AND job_id = ?",
    postgresql="UPDATE jobs AS t SET last_seen_at = v.last_seen_at, last_seen_run = v.last_seen_run, "  # noqa: S608 - ours
    f"missing_since = NULL FROM {_rows('jobs', (*_SEEN, *_KEY))} WHERE {_SAME_JOB}",
)

MARK_MISSING = Operation(
    columns=("missing_since", *_KEY),
    sqlite="UPDATE jobs SET missing_since = ? WHERE account_id = ? AND region = ? AND job_id = ?",
    postgresql="UPDATE jobs AS t SET missing_since = v.missing_since "  # noqa: S608 - ours
    f"FROM {_rows('jobs', ('missing_since', *_KEY))} WHERE {_SAME_JOB}",
)


def _delete(table: str) -> Operation:
    return Operation(
        columns=_KEY,
        sqlite=f"DELETE FROM {table} WHERE account_id = ? AND region = ? AND job_id = ?",  # noqa: S608 - our names
        postgresql=f"DELETE FROM {table} AS t USING {_rows('jobs', _KEY)} WHERE {_SAME_JOB}",  # noqa: S608 - our names
    )


DELETE_BUCKETS = _delete("job_buckets")
DELETE_CRITERIA = _delete("job_criteria")

# After two readings in one run a value may be back to where it was.
DROP_UNDONE = Operation(
    columns=("run_id", *_KEY),
    sqlite="DELETE FROM job_changes WHERE run_id = ? AND account_id = ? AND region = ? AND job_id = ? "
    "AND change = 'updated' AND old_value IS new_value",
    postgresql=f"DELETE FROM job_changes AS t USING {_rows('job_changes', ('run_id', *_KEY))} "  # noqa: S608 - our names
    f"WHERE t.run_id = v.run_id AND {_SAME_JOB} AND t.change = 'updated' "
    "AND t.old_value IS NOT DISTINCT FROM t.new_value",
)


async def apply(connection: AsyncConnection, operation: Operation, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run an operation for all rows; none is fine. Two rows may not have one key.

    Raises what the driver raises.
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql(operation.sqlite, list(rows))
    elif operation.staging is None:
        await connection.exec_driver_sql(operation.postgresql, (msgspec.json.encode(rows).decode(),))
    else:
        await _copy(connection, operation, rows)


async def _copy(connection: AsyncConnection, operation: Operation, rows: Sequence[tuple[Any, ...]]) -> None:
    columns = ", ".join(operation.columns)
    table = operation.staging if operation.direct else await _staged(connection, operation, columns)
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    async with driver.cursor() as cursor:
        async with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            if operation.texts and (text := _plain_lines(rows)) is not None:
                await copy.write(text)
            else:
                # `copy.write_row`, without a coroutine for each row; the formatter gives a block now and then.
                for row in rows:
                    if block := copy.formatter.write_row(row):
                        await copy.writer.write(block)
        if not operation.direct:
            await cursor.execute(operation.postgresql)


def _plain_lines(rows: Sequence[tuple[str, ...]]) -> str | None:
    """Write rows of texts in COPY's own form, which is a fifth of the driver's cost; None where one needs an escape."""
    text = "\n".join(map("\t".join, rows)) + "\n"
    special = "\\" in text or "\r" in text
    if special or text.count("\n") != len(rows) or text.count("\t") != len(rows) * (len(rows[0]) - 1):
        return None
    return text


async def _staged(connection: AsyncConnection, operation: Operation, columns: str) -> str:
    """Have the temporary table of an operation, once for each connection; it is emptied by the commit.

    Made anew in every transaction, temporary tables would bloat the server's catalogue.
    """
    table = f"rows_of_{operation.staging}"
    assert connection.sync_connection is not None  # noqa: S101 - the connection is open
    staged = connection.sync_connection.info.setdefault("staged", set())
    if table not in staged:
        await connection.exec_driver_sql(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ON COMMIT DELETE ROWS "  # noqa: S608 - our names
            f"AS SELECT {columns} FROM {operation.staging} WITH NO DATA"
        )
        staged.add(table)
    return table


def forget_staging(connection: AsyncConnection) -> None:
    """Note that a transaction was rolled back, and with it the temporary tables that it may have made."""
    if connection.sync_connection is not None and not connection.sync_connection.invalidated:
        connection.sync_connection.info.pop("staged", None)


async def execute(connection: AsyncConnection, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
    """Run one statement written with `?` marks, and give its rows (none for a statement without any)."""
    if connection.dialect.name != "sqlite":
        sql = sql.replace("?", "%s")
    result = await connection.exec_driver_sql(sql, parameters)
    return list(result.fetchall()) if result.returns_rows else []
