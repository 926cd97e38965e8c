"""What kind of value a column of a table or view holds, by its name: the same name means the same everywhere."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Boolean, Integer

from macie_inventory.store.schema import Json, Moment, metadata

__all__ = ["Kind", "kind_of"]

Kind = Literal["text", "moment", "json", "integer", "number", "boolean"]

# Columns that only views have.
_OF_VIEWS: dict[str, Kind] = {
    "covered": "boolean",
    "days_left": "number",
    "last_covered_at": "moment",
    "oldest_covered_at": "moment",
    "targets": "integer",
}
# The one name with two meanings: a yes or no in latest_targets, a number of targets in coverage_by_account.
_OF_ONE_VIEW: dict[tuple[str, str], Kind] = {("coverage_by_account", "covered"): "integer"}


def kind_of(column: str, relation: str = "") -> Kind:
    """Give the kind of a column; a name that is not ours holds text."""
    if (relation, column) in _OF_ONE_VIEW:
        return _OF_ONE_VIEW[relation, column]
    return _OF_VIEWS.get(column) or _OF_TABLES.get(column, "text")


def _kind(type_: object) -> Kind:
    if type_ is Moment:
        return "moment"
    if type_ is Json:
        return "json"
    return "boolean" if isinstance(type_, Boolean) else "integer" if isinstance(type_, Integer) else "text"


_OF_TABLES: dict[str, Kind] = {
    column.name: _kind(column.type) for table in metadata.tables.values() for column in table.columns
}
