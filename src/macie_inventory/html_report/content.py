"""What stands on the page: from values to figures, tables, charts and the map's data; pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from macie_inventory.html_report import charts
from macie_inventory.html_report.tables import job_tables, tables_of_run
from macie_inventory.model import Outcome, RunStatus, parse_timestamp
from macie_inventory.report import duration_text, gap_causes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from macie_inventory.html_report.reading import Inventory

__all__ = ["page_content"]

LETTERS = {
    Outcome.COLLECTED: "c",
    Outcome.MACIE_DISABLED: "m",
    Outcome.REGION_DISABLED: "r",
    Outcome.ACCESS_DENIED: "A",
    Outcome.ROLE_DENIED: "R",
    Outcome.REGION_UNREACHABLE: "U",
    Outcome.THROTTLED: "T",
    Outcome.CREDENTIALS_EXPIRED: "E",
    Outcome.LISTING_INCOMPLETE: "L",
    Outcome.FAILED: "F",
    Outcome.NOT_ATTEMPTED: "N",
}
"""One letter for each outcome, so that the map takes one byte for each account and region; gaps are capitals."""

MEANINGS = {
    Outcome.COLLECTED: "every page was read",
    Outcome.MACIE_DISABLED: "Macie is not enabled there",
    Outcome.REGION_DISABLED: "the account has not opted in to the region",
    Outcome.ACCESS_DENIED: "the role may not list jobs there",
    Outcome.ROLE_DENIED: "the role could not be assumed",
    Outcome.REGION_UNREACHABLE: "no connection to the region",
    Outcome.THROTTLED: "still throttled when the retries ended",
    Outcome.CREDENTIALS_EXPIRED: "expired again after a fresh AssumeRole",
    Outcome.LISTING_INCOMPLETE: "the listing could not be read to its end",
    Outcome.FAILED: "any other error",
    Outcome.NOT_ATTEMPTED: "the run ended first",
}

STATUSES = tuple(charts.STATUS_COLOURS)
DAYS = ((0, "past"), (1, "today"), (3, "1–3"), (7, "3–7"), (14, "7–14"), (21, "14–21"), (30, "21–30"))
LATER = "over 30"
SOON = 7.0
RUN_WORDS = {
    RunStatus.COMPLETE: "Everything was seen",
    RunStatus.PARTIAL: "There are gaps",
    RunStatus.FAILED: "The run failed",
    RunStatus.INTERRUPTED: "The run was interrupted",
    RunStatus.RUNNING: "The run was still going on",
}


def page_content(inventory: Inventory, *, now: str) -> dict[str, Any]:
    """Give everything that the page's template needs, apart from its script and style."""
    run = inventory.run
    statuses = _statuses(inventory)
    tables = [*tables_of_run(inventory), *job_tables(inventory, statuses)]
    return {
        "run": run,
        "now": now,
        "verdict": RUN_WORDS[run.status],
        "took": _duration(run.started_at, run.finished_at),
        "figures": _figures(inventory),
        "causes": gap_causes(inventory.gaps),
        "legend": _legend(inventory),
        "coverage": _coverage_by_region(inventory),
        "map": _map(inventory),
        "charts": _charts(inventory, statuses),
        "statuses": statuses,
        "tables": {table["id"]: table for table in tables},
        "data": {table["id"]: {key: table[key] for key in ("kinds", "rows")} for table in tables},
    }


def _duration(started_at: str, finished_at: str | None) -> str | None:
    if finished_at is None:
        return None
    return duration_text((parse_timestamp(finished_at) - parse_timestamp(started_at)).total_seconds())


def status_name(status: str | None) -> str:
    """Name a job's status, which may be absent."""
    return status or "(none)"


def _statuses(inventory: Inventory) -> list[str]:
    """Name every status that occurs, those that AWS documents first and in one order."""
    found = {status_name(status) for _, status, _ in inventory.by_region}
    found |= {status_name(status) for point in inventory.history for status in point.jobs}
    return [status for status in STATUSES if status in found] + sorted(found - set(STATUSES))


def _figures(inventory: Inventory) -> list[dict[str, Any]]:
    run = inventory.run
    jobs = sum(count for _, _, count in inventory.by_region)
    running = sum(count for _, status, count in inventory.by_region if status == "RUNNING")
    soon = sum(days <= SOON for days in inventory.days_left)
    share = 100 * run.targets_covered / run.targets_total if run.targets_total else 0.0
    # 99.99 % must not look like everything.
    covered = "100 %" if run.targets_covered == run.targets_total else f"{min(share, 99.9):.1f} %"
    gaps = len(inventory.gaps)
    return [
        {"value": covered, "label": "of targets covered", "bad": bool(gaps), "to": "coverage"},
        {"value": f"{gaps:,}", "label": "gaps", "bad": bool(gaps), "to": "gaps"},
        {"value": f"{len(inventory.accounts):,}", "label": "accounts", "bad": False, "to": "coverage"},
        {"value": f"{jobs:,}", "label": "jobs", "bad": False, "to": "jobs"},
        {"value": f"{running:,}", "label": "running", "bad": False, "to": "jobs"},
        {
            "value": f"{inventory.failing.total:,}",
            "label": "failing",
            "bad": inventory.failing.total > 0,
            "to": "failing",
        },
        {"value": f"{soon:,}", "label": f"expire in {SOON:.0f} days", "bad": soon > 0, "to": "expiring"},
    ]


def _legend(inventory: Inventory) -> list[dict[str, Any]]:
    counts = Counter(outcome for _, _, outcome, _ in inventory.targets)
    return [
        {
            "name": outcome.value,
            "letter": LETTERS[outcome],
            "meaning": MEANINGS[outcome],
            "targets": counts[outcome],
            "gap": not outcome.covered,
        }
        for outcome in Outcome
        if counts[outcome]
    ]


def _coverage_by_region(inventory: Inventory) -> dict[str, Any]:
    """Count the outcomes of each region: the map in words."""
    by_region: dict[str, Counter[str]] = defaultdict(Counter)
    for _, region, outcome, _ in inventory.targets:
        by_region[region][outcome] += 1
    outcomes = [entry["name"] for entry in _legend(inventory)]
    return {
        "outcomes": outcomes,
        "rows": [(region, [counts[outcome] for outcome in outcomes]) for region, counts in sorted(by_region.items())],
    }


def _map(inventory: Inventory) -> dict[str, Any]:
    """Give the map's data: `cells` has a letter for each account and region, row by row, a dot where no target is."""
    regions = sorted({region for _, region, _, _ in inventory.targets})
    column = {region: number for number, region in enumerate(regions)}
    row = {account_id: number for number, (account_id, _, _) in enumerate(inventory.accounts)}
    cells = ["."] * (len(row) * len(regions))
    jobs = [""] * len(cells)
    for account_id, region, outcome, count in inventory.targets:
        place = row[account_id] * len(regions) + column[region]
        cells[place] = LETTERS[Outcome(outcome)]
        jobs[place] = str(count) if count else ""
    units = list(dict.fromkeys(path or "" for _, _, path in inventory.accounts))
    number = {path: place for place, path in enumerate(units)}
    return {
        "regions": regions,
        "ids": [account_id for account_id, _, _ in inventory.accounts],
        "names": [shortened(name or "") for _, name, _ in inventory.accounts],
        "units": units,
        "unit": [number[path or ""] for _, _, path in inventory.accounts],
        "cells": "".join(cells),
        "jobs": ",".join(jobs),
        "outcomes": {entry["letter"]: entry["name"] for entry in _legend(inventory)},
    }


def shortened(text: str, most: int = 200) -> str:
    """Cut a text that would fill the page by itself."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _charts(inventory: Inventory, statuses: Sequence[str]) -> dict[str, Any]:
    history = {
        status: [point.jobs.get(None if status == "(none)" else status, 0) for point in inventory.history]
        for status in statuses
    }
    by_region: dict[str, Counter[str]] = defaultdict(Counter)
    for region, status, count in inventory.by_region:
        by_region[region][status_name(status)] += count
    regions = sorted(by_region)
    per_region = {status: [by_region[region][status] for region in regions] for status in statuses}
    days = Counter(_days_label(days) for days in inventory.days_left)
    labels = [label for _, label in DAYS] + [LATER]
    moments = [f"{point.started_at[5:10]} {point.started_at[11:16]}" for point in inventory.history]
    # From below upwards, so that the first region stands on top.
    upwards = {status: values[::-1] for status, values in per_region.items()}
    return {
        "history": charts.stacked_bars("history", _thinned(moments), _cut(history)),
        "history_rows": list(zip(moments, *history.values(), strict=True)),
        "regions": charts.stacked_bars("regions", regions[::-1], _cut(upwards), lying=True),
        "region_rows": [(region, *(by_region[region][status] for status in statuses)) for region in regions],
        "days": charts.bars("days", labels, [days[label] for label in labels], "jobs"),
        "days_rows": [(label, days[label]) for label in labels],
    }


def _cut(series: Mapping[str, Sequence[int]]) -> dict[str, Sequence[int]]:
    return {shortened(status, 40): values for status, values in series.items()}


def _thinned(labels: Sequence[str], most: int = 10) -> list[str]:
    """Leave out labels that would overlap."""
    step = -(-len(labels) // most) or 1
    return [label if number % step == 0 else "" for number, label in enumerate(labels)]


def _days_label(days: float) -> str:
    return next((label for limit, label in DAYS if days < limit or (limit and days == limit)), LATER)
