"""A run in Prometheus' text format, for the node exporter's textfile collector. Needs the extra `metrics`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from macie_inventory.errors import ConfigurationError, MacieInventoryError
from macie_inventory.model import Outcome, RunStatus, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prometheus_client import CollectorRegistry, Gauge

    from macie_inventory.store import DatabaseUrl, RunSummary

__all__ = ["RunHistory", "check_metrics_file", "metrics_of", "read_history", "write_metrics"]

STATUSES = (RunStatus.COMPLETE, RunStatus.PARTIAL, RunStatus.FAILED, RunStatus.INTERRUPTED)
JOB_STATUSES = ("RUNNING", "PAUSED", "CANCELLED", "COMPLETE", "IDLE", "USER_PAUSED")
"""The statuses that AWS documents; others are added as they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHistory:
    """The runs that the database knows, by status, and when the last complete one ended (UTC text, None if none did)."""

    runs_by_status: Mapping[str, int] = field(default_factory=dict)
    last_complete_at: str | None = None


def check_metrics_file(path: Path) -> None:
    """Raise ConfigurationError when metrics could not be written there: better before a run than after it."""
    _registry()
    if path.is_dir():
        raise ConfigurationError(f"--metrics-file {path} is a folder; name a file in it, such as {path / 'macie.prom'}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"--metrics-file {path}: cannot write in {path.parent}; create it, or name another folder"
        )


async def read_history(url: DatabaseUrl) -> RunHistory:
    """Ask a database for its runs; raises DatabaseError when it cannot be asked."""
    from macie_inventory.store import open_query  # noqa: PLC0415 - SQLAlchemy is slow to import

    async with open_query(url, "SELECT status, count(*), max(finished_at) FROM runs GROUP BY status") as rows:
        runs = [row async for batch in rows.batches for row in batch]
    return RunHistory(
        runs_by_status={status: count for status, count, _ in runs},
        last_complete_at=next((moment for status, _, moment in runs if status == RunStatus.COMPLETE), None),
    )


def write_metrics(path: Path, summary: RunSummary, history: RunHistory) -> None:
    """Write a run's metrics at once: whoever reads the file sees the old ones or the new ones, whole.

    Raises MacieInventoryError when the file cannot be written; the run itself is stored by then.
    """
    registry = metrics_of(summary, history)
    from prometheus_client import write_to_textfile  # noqa: PLC0415 - an extra

    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise MacieInventoryError(
            f"the run is stored, but its metrics are not: cannot write --metrics-file {path}: {error.strerror}"
        ) from error


def metrics_of(summary: RunSummary, history: RunHistory) -> CollectorRegistry:
    """Give a finished run's figures as gauges; docs/reference/metrics.md describes each."""
    gauges = _Gauges(_registry())
    gauges.set("build_info", "The version that wrote this file.", 1, version=summary.tool_version)
    _add_last_run(gauges, summary)
    for status in STATUSES:
        gauges.set(
            "runs",
            "Runs that the database holds, by status.",
            history.runs_by_status.get(status, 0),
            status=status.value,
        )
    if history.last_complete_at is not None:
        gauges.set(
            "last_complete_run_timestamp_seconds",
            "When the last run that covered every target ended; absent before the first.",
            _seconds(history.last_complete_at),
        )
    return gauges.registry


def _add_last_run(gauges: _Gauges, run: RunSummary) -> None:
    started = _seconds(run.started_at)
    finished = _seconds(run.finished_at or run.started_at)
    gauges.set("last_run_started_timestamp_seconds", "When the run began.", started)
    gauges.set("last_run_finished_timestamp_seconds", "When the run ended.", finished)
    gauges.set("last_run_duration_seconds", "How long the run took.", finished - started)
    for status in STATUSES:
        gauges.set(
            "last_run_status", "1 for the status that the run ended with.", run.status is status, status=status.value
        )
    for outcome in Outcome:
        covered = "true" if outcome.covered else "false"
        count = run.by_outcome.get(outcome, 0)
        gauges.set("last_run_targets", "Targets by outcome.", count, outcome=outcome.value, covered=covered)
    counts = dict.fromkeys(JOB_STATUSES, 0) | {status or "": count for status, count in run.jobs_by_status.items()}
    for name, count in counts.items():
        gauges.set("last_run_jobs", "Jobs that the run saw, by status.", count, status=name)
    for change, count in (
        ("appeared", run.jobs_appeared),
        ("updated", run.jobs_changed),
        ("disappeared", run.jobs_disappeared),
        ("reappeared", run.jobs_reappeared),
    ):
        gauges.set("last_run_job_changes", "Jobs that changed since the run before.", count, change=change)
    gauges.set("last_run_api_calls", "ListClassificationJobs calls that were sent, retries included.", run.api_calls)
    gauges.set("last_run_retries", "Calls that repeated another.", run.retries)
    gauges.set("last_run_throttles", "Calls that were throttled.", run.throttles)


class _Gauges:
    """Gauges of one registry, made when they are first set."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._gauges: dict[str, Gauge] = {}

    def set(self, name: str, text: str, value: float, **labels: str) -> None:
        from prometheus_client import Gauge  # noqa: PLC0415 - an extra

        if name not in self._gauges:
            self._gauges[name] = Gauge(f"macie_inventory_{name}", text, tuple(labels), registry=self.registry)
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)


def _registry() -> CollectorRegistry:
    try:
        from prometheus_client import CollectorRegistry  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError("--metrics-file needs the extra: pip install 'macie-inventory[metrics]'") from error
    return CollectorRegistry(auto_describe=True)


def _seconds(moment: str) -> float:
    return parse_timestamp(moment).timestamp()
