"""The page's tables: their titles, their columns, and rows as short as they can be; pure."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from macie_inventory.html_report.reading import MOST_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from macie_inventory.html_report.reading import Inventory, Listing

__all__ = ["ROWS_WITHOUT_SCRIPT", "job_tables", "tables_of_run"]

ROWS_WITHOUT_SCRIPT = 25
"""So many rows stand in the page itself; the script brings the others from the page's data."""

LONGEST_CELL = 200
LONGEST_MESSAGE = 500
"""The reason of a denial stands at the end of AWS's sentence."""

LONG_COLUMNS = frozenset({"job", "error_message", "field", "old", "new"})
"""Columns whose texts may need several lines."""


def tables_of_run(inventory: Inventory) -> list[dict[str, Any]]:
    """Give the tables of the run: its gaps and its changes."""
    gaps = [
        (gap.account_id, gap.account_name, gap.region, gap.outcome.value, gap.error_code, gap.error_message)
        for gap in inventory.gaps
    ]
    names = "account account_name region outcome error_code error_message"
    changed = "change account_name region job field old new observed_at account job_id"
    return [
        _table("gaps", names, gaps, len(gaps), "SELECT * FROM coverage_gaps"),
        _table(
            "changes", changed, _change_rows(inventory.changes), inventory.changes.total, "SELECT * FROM recent_changes"
        ),
    ]


def job_tables(inventory: Inventory, statuses: Sequence[str]) -> list[dict[str, Any]]:
    """Give the tables of the jobs known now: by account, failing, paused."""
    failing = "account_name region job status type created_at last_seen_at account job_id"
    expiring = "days_left account_name region job expires_at type account job_id"
    paused = [(None if row[0] is None else round(float(row[0]), 1) + 0.0, *row[1:]) for row in inventory.expiring.rows]
    accounts, total = _account_rows(inventory, statuses)
    return [
        _table(
            "accounts",
            ["account", "account_name", *statuses, "jobs"],
            accounts,
            total,
            "SELECT * FROM job_status_counts",
            numbers={*statuses, "jobs"},
        ),
        _table("failing", failing, inventory.failing.rows, inventory.failing.total, "SELECT * FROM failing_jobs"),
        _table(
            "expiring",
            expiring,
            paused,
            inventory.expiring.total,
            "SELECT * FROM expiring_jobs ORDER BY days_left",
            numbers={"days_left"},
        ),
    ]


def _table(
    table_id: str,
    columns: str | Sequence[str],
    rows: Iterable[Sequence[Any]],
    total: int,
    query: str,
    numbers: Iterable[str] = (),
) -> dict[str, Any]:
    names = columns.split() if isinstance(columns, str) else list(columns)
    numeric = set(numbers)
    longest = [LONGEST_MESSAGE if name == "error_message" else LONGEST_CELL for name in names]
    cells = [[_cell(value, most) for value, most in zip(row, longest, strict=True)] for row in list(rows)[:MOST_ROWS]]
    return {
        "id": table_id,
        "columns": [name.replace("_", " ") if name.islower() else name for name in names],
        "kinds": ["number" if name in numeric else "long" if name in LONG_COLUMNS else "text" for name in names],
        "rows": cells,
        "first": cells[:ROWS_WITHOUT_SCRIPT],
        "total": total,
        "query": query,
    }


def _cell(value: Any, most: int) -> Any:  # noqa: ANN401 - a text, a number or nothing
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = str(value)
    if len(text) == 27 and text[10] == "T" and text.endswith("Z"):  # noqa: PLR2004 - a moment: to the minute is enough
        return f"{text[:10]} {text[11:16]}"
    return text if len(text) <= most else text[: most - 1] + "…"


def _change_rows(changes: Listing) -> list[Sequence[Any]]:
    return [(*row[:5], _json_text(row[5]), _json_text(row[6]), *row[7:]) for row in changes.rows]


def _json_text(text: str | None) -> str | None:
    """Show a JSON text without its quotes, and anything else as it is."""
    value = None if text is None else json.loads(text)
    return value if isinstance(value, str) else text


def _account_rows(inventory: Inventory, statuses: Sequence[str]) -> tuple[list[Sequence[Any]], int]:
    """Give one row for each account with jobs, most jobs first, and how many accounts have jobs."""
    counts: dict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
    for account_id, name, status, jobs in inventory.by_account:
        counts[account_id, name][status or "(none)"] += jobs
    ordered = sorted(counts.items(), key=lambda item: (-item[1].total(), item[0][0]))
    rows = [
        (account_id, name, *(by_status[status] for status in statuses), by_status.total())
        for (account_id, name), by_status in ordered
    ]
    return list(rows), len(rows)
