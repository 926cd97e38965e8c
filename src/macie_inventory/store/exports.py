"""Views and tables as files: CSV, JSON Lines, Parquet; each file appears whole or not at all."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import anyio

from macie_inventory.errors import ConfigurationError, UsageError
from macie_inventory.store.catalogue import VIEW_NAMES
from macie_inventory.store.columns import Kind, kind_of
from macie_inventory.store.query import open_query
from macie_inventory.store.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from macie_inventory.store.engine import DatabaseUrl

__all__ = ["EXPORTABLE", "Exported", "csv_line", "export"]

EXPORTABLE = (*VIEW_NAMES, *(name for name in metadata.tables if name != "leases"))
"""The names that `export` takes: every view, every table but the lease."""

Format = Literal["csv", "jsonl", "parquet"]
Columns = list[tuple[str, Kind]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file that was written, and its number of rows."""

    path: Path
    rows: int


async def export(url: DatabaseUrl, folder: Path, form: Format, names: Sequence[str] | None = None) -> list[Exported]:
    """Write each view or table (default: every view) into `folder` as NAME.csv, NAME.jsonl or NAME.parquet.

    The folder is made if need be; a file that is there is replaced once its successor is complete. Raises UsageError for an unknown name,
    ConfigurationError when a folder cannot be written or Parquet's extra is not installed.
    """
    names = VIEW_NAMES if names is None else names
    for name in names:
        if name not in EXPORTABLE:
            raise UsageError(f"there is no view or table {name!r}: choose from {', '.join(EXPORTABLE)}")
    if form == "parquet":
        _pyarrow()
    try:
        await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
        return [await _export(url, folder / f"{name}.{form}", form, name) for name in dict.fromkeys(names)]
    except OSError as error:
        raise ConfigurationError(f"cannot write to {folder}: {error.strerror or error}") from error


async def _export(url: DatabaseUrl, path: Path, form: Format, name: str) -> Exported:
    count = 0
    async with open_query(url, f"SELECT * FROM {name}") as found:  # noqa: S608 - one of EXPORTABLE
        with _replaced(path) as unfinished:
            sink = _SINKS[form](unfinished, [(column, kind_of(column, name)) for column in found.columns])
            try:
                async for rows in found.batches:
                    sink.write(rows)
                    count += len(rows)
            finally:
                sink.close()
    return Exported(path=path, rows=count)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """Give a file beside `path` that takes its place when the block succeeds, and vanishes when it fails."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def csv_line(values: Sequence[object]) -> str:
    """Write one line of CSV: a null is nothing, an empty text is a pair of quotes."""
    # A line of nothing would be no line to most readers.
    return (",".join(map(_csv_value, values)) or '""') + "\n"


def _csv_value(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    quoted = not text or any(mark in text for mark in ',"\r\n') or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if quoted else text


class _Csv:
    def __init__(self, path: Path, columns: Columns) -> None:
        self._kinds = [kind for _, kind in columns]
        header = csv_line([name for name, _ in columns])
        self._file = path.open("w", encoding="utf-8", newline="")
        self._file.write(header)

    def write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        for row in rows:
            self._file.write(csv_line([_typed(value, kind) for value, kind in zip(row, self._kinds, strict=True)]))

    def close(self) -> None:
        self._file.close()


class _JsonLines:
    def __init__(self, path: Path, columns: Columns) -> None:
        self._columns = columns
        self._file = path.open("w", encoding="utf-8", newline="")

    def write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        for row in rows:
            pairs = zip(self._columns, row, strict=True)
            values = {
                name: _from_json(value) if kind == "json" else _typed(value, kind) for (name, kind), value in pairs
            }
            self._file.write(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n")

    def close(self) -> None:
        self._file.close()


def _from_json(text: str | None) -> object:
    return None if text is None else json.loads(text)


def _typed(value: object, kind: Kind) -> object:
    """Give a boolean as one, though SQLite says 0 or 1."""
    return bool(value) if kind == "boolean" and value is not None else value


def _pyarrow() -> ModuleType:
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError as error:
        raise ConfigurationError("Parquet needs an extra: pip install 'macie-inventory[parquet]'") from error


class _Parquet:
    def __init__(self, path: Path, columns: Columns) -> None:
        self._arrow = arrow = _pyarrow()
        types = {
            "moment": arrow.timestamp("us", tz="UTC"),
            "integer": arrow.int64(),
            "number": arrow.float64(),
            "boolean": arrow.bool_(),
        }
        self._kinds = [kind for _, kind in columns]
        self._schema = arrow.schema([(name, types.get(kind, arrow.string())) for name, kind in columns])
        self._writer = arrow.parquet.ParquetWriter(path, self._schema)
        self._waiting: list[tuple[Any, ...]] = []

    def write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._waiting.extend(rows)
        if len(self._waiting) >= 50_000:  # noqa: PLR2004 - rows of a group, few enough for memory
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self._waiting, strict=True) if self._waiting else ((),) * len(self._kinds)
        arrays = [
            self._arrow.array([_for_arrow(value, kind) for value in column], type=field.type)
            for column, kind, field in zip(columns, self._kinds, self._schema, strict=True)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self._waiting = []

    def close(self) -> None:
        try:
            self._flush()
        finally:
            self._writer.close()


def _for_arrow(value: object, kind: Kind) -> object:
    return datetime.fromisoformat(value) if kind == "moment" and isinstance(value, str) else _typed(value, kind)


_SINKS: dict[Format, type[_Csv | _JsonLines | _Parquet]] = {"csv": _Csv, "jsonl": _JsonLines, "parquet": _Parquet}
