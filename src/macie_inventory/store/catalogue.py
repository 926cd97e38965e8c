"""The views: their names, the question each answers, and their SQL, read from the files in `store/views/`.

A file is called `NAME.sql`, or `NAME.sqlite.sql` and `NAME.postgresql.sql` where the dialects differ. It begins with
comment lines, the question, and goes on with the SELECT.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["VIEW_NAMES", "View", "create_views", "drop_views", "read_query", "views"]

VIEW_NAMES = (
    "current_jobs",
    "latest_targets",
    "coverage_gaps",
    "coverage_by_account",
    "failing_jobs",
    "expiring_jobs",
    "job_status_counts",
    "bucket_jobs",
    "recent_changes",
)
"""Every view, each after those it reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view's name, the question that it answers, and its SELECT statement."""

    name: str
    question: str
    select: str


def read_query(name: str, dialect: str) -> tuple[str, str]:
    """Give the question and the statement of a file in `store/queries/`, as written for one dialect."""
    return _read("queries", name, dialect)


def _read(folder: str, name: str, dialect: str) -> tuple[str, str]:
    """Give the leading comment and the statement of a file, the dialect's own where there is one."""
    own = Path(__file__).with_name(folder) / f"{name}.{dialect}.sql"
    text = (own if own.exists() else own.with_name(f"{name}.sql")).read_text(encoding="utf-8")
    lines = text.strip().splitlines()
    length = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    comment = " ".join(line.removeprefix("--").strip() for line in lines[:length])
    return comment, "\n".join(lines[length:]).strip().removesuffix(";")


def views(dialect: str = "sqlite") -> list[View]:
    """List the views of one dialect (`sqlite` or `postgresql`), each after those it reads."""
    found = ((name, *_read("views", name, dialect)) for name in VIEW_NAMES)
    return [View(name=name, question=question, select=select) for name, question, select in found]


def drop_views(connection: Connection) -> None:
    """Drop every view that is there."""
    for name in reversed(VIEW_NAMES):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")


def create_views(connection: Connection) -> None:
    """Create every view; none of them may exist."""
    for view in views(connection.dialect.name):
        connection.exec_driver_sql(f"CREATE VIEW {view.name} AS\n{view.select}")
