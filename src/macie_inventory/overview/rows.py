"""One consistent, read-only look into the database."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from macie_inventory.store.engine import create_engine
from macie_inventory.store.operations import execute
from macie_inventory.store.trouble import translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from macie_inventory.store import DatabaseUrl

__all__ = ["Rows", "open_rows"]


class Rows(Protocol):
    """Gives the rows of one SELECT, written with `?` marks."""

    async def __call__(self, sql: str, *parameters: object) -> list[Any]:
        """Run it."""


@asynccontextmanager
async def open_rows(url: DatabaseUrl) -> AsyncIterator[Rows]:
    """Read everything within the block from one snapshot; nothing can be written.

    Raises DatabaseError when the database cannot be read. That it has the right schema is the caller's to know.
    """
    engine = create_engine(url, readonly=True)
    try:
        with translated(url):
            async with engine.connect() as connection:
                if url.dialect == "postgresql":
                    await connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

                async def rows(sql: str, *parameters: object) -> list[Any]:
                    return await execute(connection, sql, parameters)

                yield rows
    finally:
        await engine.dispose()
