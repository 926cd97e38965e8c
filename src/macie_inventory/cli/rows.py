"""Rows of a query on stdout, as they arrive: for people as a table, for programs as CSV or JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from macie_inventory.store import Rows

    Batch = Sequence[tuple[object, ...]]

__all__ = ["ROW_FORMATS", "print_rows"]

ROW_FORMATS = ("table", "csv", "json", "jsonl", "markdown")
_WIDEST = 60
_JSON_COLUMNS = frozenset({"filter_criteria", "new_value", "old_value", "raw", "scope", "tags"})


async def print_rows(rows: Rows, form: str) -> None:
    """Write the rows in one of ROW_FORMATS.

    In JSON, the columns that hold JSON are values, not texts. A table's columns are as wide as its first rows want.
    """
    async for text in _WRITERS[form](rows):
        sys.stdout.write(text)


async def _as_csv(rows: Rows) -> AsyncIterator[str]:
    from macie_inventory.store import csv_line  # noqa: PLC0415 - SQLAlchemy is slow to import

    yield csv_line(rows.columns)
    async for batch in rows.batches:
        yield "".join(map(csv_line, batch))


async def _as_json(rows: Rows) -> AsyncIterator[str]:
    separator = "[\n"
    async for batch in rows.batches:
        for text in _objects(rows.columns, batch):
            yield separator + text
            separator = ",\n"
    yield "\n]\n" if separator.startswith(",") else "[]\n"


async def _as_jsonl(rows: Rows) -> AsyncIterator[str]:
    async for batch in rows.batches:
        for text in _objects(rows.columns, batch):
            yield text + "\n"


def _objects(columns: Sequence[str], batch: Batch) -> Iterator[str]:
    for row in batch:
        values = {name: _value(name, value) for name, value in zip(columns, row, strict=True)}
        yield json.dumps(values, ensure_ascii=False, separators=(", ", ": "))


def _value(column: str, value: object) -> object:
    if column not in _JSON_COLUMNS or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


async def _as_markdown(rows: Rows) -> AsyncIterator[str]:
    yield _markdown_line(rows.columns)
    yield _markdown_line(["---"] * len(rows.columns))
    async for batch in rows.batches:
        yield "".join(map(_markdown_line, batch))


def _markdown_line(values: Sequence[object]) -> str:
    return "| " + " | ".join(_cell(value).replace("|", "\\|") for value in values) + " |\n"


async def _as_table(rows: Rows) -> AsyncIterator[str]:
    from rich.cells import cell_len  # noqa: PLC0415 - rich is slow to import

    widths: list[int] = []
    async for batch in rows.batches:
        cells = [[_cell(value) for value in row] for row in batch]
        if not widths:
            wanted = zip(*[list(rows.columns), *cells], strict=True)
            widths = [min(_WIDEST, max(map(cell_len, column))) for column in wanted]
            yield _table_line(rows.columns, widths, cell_len)
            yield _table_line(["-" * width for width in widths], widths, cell_len)
        yield "".join(_table_line(row, widths, cell_len) for row in cells)
    if not widths:
        yield "no rows\n"


def _table_line(cells: Sequence[str], widths: Sequence[int], length: Callable[[str], int]) -> str:
    padded = (cell + " " * (width - length(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip() + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    # A control character, which a name may hold, must not steer the terminal.
    return "".join(mark if mark.isprintable() else " " for mark in str(value))


_WRITERS: dict[str, Callable[[Rows], AsyncIterator[str]]] = {
    "table": _as_table,
    "csv": _as_csv,
    "json": _as_json,
    "jsonl": _as_jsonl,
    "markdown": _as_markdown,
}
