"""Past runs, read back for reports; works on a read-only connection and never waits for a run that is collecting."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from macie_inventory.errors import UsageError
from macie_inventory.model import COVERED, Outcome, RunStatus
from macie_inventory.store.operations import execute
from macie_inventory.store.totals import COVERED_SQL
from macie_inventory.store.trouble import translated
from macie_inventory.store.values import json_value, moment_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from macie_inventory.store.engine import DatabaseUrl

__all__ = ["Gap", "Reader", "RunSummary", "read_accounts"]

_COLUMNS = (
    "run_id",
    "started_at",
    "finished_at",
    "status",
    "tool_version",
    "caller_arn",
    "partition",
    "scope",
    "filter_criteria",
    "targets_total",
    "targets_covered",
    "targets_failed",
    "jobs_seen",
    "jobs_appeared",
    "jobs_changed",
    "jobs_disappeared",
    "jobs_reappeared",
    "api_calls",
    "retries",
    "throttles",
    "error",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A row of `runs`, with its targets by outcome and the jobs it was the last to see by status.

    Moments are UTC text. The totals are those of the run's end; while it runs, only those of its targets are known.
    """

    run_id: str
    started_at: str
    finished_at: str | None
    status: RunStatus
    tool_version: str
    caller_arn: str
    partition: str
    scope: Mapping[str, Any]
    filter_criteria: Mapping[str, Any] | None
    targets_total: int
    targets_covered: int
    targets_failed: int
    jobs_seen: int
    jobs_appeared: int
    jobs_changed: int
    jobs_disappeared: int
    jobs_reappeared: int
    api_calls: int
    retries: int
    throttles: int
    error: str | None
    by_outcome: Mapping[str, int] = field(default_factory=dict)
    jobs_by_status: Mapping[str | None, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A target that a run did not cover, and why."""

    account_id: str
    account_name: str | None
    region: str
    outcome: Outcome
    error_code: str | None
    error_message: str | None


class Reader:
    """Reads one database; made by `open_store`."""

    def __init__(self, url: DatabaseUrl, engine: AsyncEngine) -> None:
        self.url = url
        self._engine = engine

    async def _read(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with translated(self.url):
            async with self._engine.connect() as connection:
                return await execute(connection, sql, parameters)

    async def run_row(self, run_id: str) -> RunSummary:
        """Give one run, or the `last` that was started.

        Raises UsageError when there is none.
        """
        where, parameters = ("", ()) if run_id == "last" else ("WHERE run_id = ?", (run_id,))
        rows = await self._runs(where, parameters, 1)
        if not rows:
            missing = "no run yet: collect first" if run_id == "last" else f"no run {run_id}: see `runs list`"
            raise UsageError(f"{self.url.name} holds {missing}")
        return rows[0]

    async def list_runs(self, limit: int = 20) -> list[RunSummary]:
        """List the newest runs, newest first."""
        return await self._runs("", (), limit)

    async def _runs(self, where: str, parameters: tuple[Any, ...], limit: int) -> list[RunSummary]:
        chosen = f"SELECT {', '.join(_COLUMNS)} FROM runs {where} ORDER BY started_at DESC, run_id DESC LIMIT ?"  # noqa: S608
        rows = await self._read(chosen, (*parameters, limit))
        marks = ", ".join("?" * len(rows)) or "NULL"
        outcomes: dict[str, dict[str, int]] = {}
        for run_id, outcome, count in await self._read(
            "SELECT run_id, outcome, count(*) FROM targets "  # noqa: S608 - our names and marks
            f"WHERE run_id IN ({marks}) GROUP BY run_id, outcome ORDER BY run_id, outcome",
            tuple(row[0] for row in rows),
        ):
            outcomes.setdefault(run_id, {})[outcome] = count
        return [_summary(row, outcomes.get(row[0], {})) for row in rows]

    async def summary(self, run_id: str) -> RunSummary:
        """Sum one run up, or the `last`.

        Raises UsageError when there is none.
        """
        run = await self.run_row(run_id)
        statuses = await self._read(
            "SELECT job_status, count(*) FROM jobs WHERE last_seen_run = ? AND missing_since IS NULL "
            "GROUP BY job_status ORDER BY 2 DESC, 1",
            (run.run_id,),
        )
        return replace(run, jobs_by_status=dict(map(tuple, statuses)))

    async def gaps(self, run_id: str) -> list[Gap]:
        """List the targets that a run did not cover, by account and region."""
        rows = await self._read(
            "SELECT t.account_id, a.name, t.region, t.outcome, t.error_code, t.error_message "  # noqa: S608 - our names
            "FROM targets AS t LEFT JOIN accounts AS a ON a.account_id = t.account_id "
            f"WHERE t.run_id = ? AND t.outcome NOT IN ({COVERED_SQL}) ORDER BY t.account_id, t.region",
            (run_id,),
        )
        return [
            Gap(
                account_id=account_id,
                account_name=name,
                region=region,
                outcome=Outcome(outcome),
                error_code=code,
                error_message=message,
            )
            for account_id, name, region, outcome, code, message in rows
        ]


def _summary(row: Any, outcomes: Mapping[str, int]) -> RunSummary:  # noqa: ANN401 - a row of the driver
    values = dict(zip(_COLUMNS, row, strict=True))
    for name in ("started_at", "finished_at"):
        values[name] = moment_text(values[name])
    for name in ("scope", "filter_criteria"):
        values[name] = json_value(values[name])
    values["status"] = RunStatus(values["status"])
    if values["status"] is RunStatus.RUNNING:
        values["targets_covered"] = sum(count for name, count in outcomes.items() if name in COVERED)
        left = outcomes.get(Outcome.NOT_ATTEMPTED, 0)
        values["targets_failed"] = sum(outcomes.values()) - values["targets_covered"] - left
    return RunSummary(by_outcome=outcomes, **values)


async def read_accounts(connection: AsyncConnection, run_id: str) -> list[Any]:
    """Give the rows of `accounts` of a run's targets."""
    return await execute(
        connection,
        "SELECT account_id, name, email, state, arn, parent_id, ou_path, tags, is_management FROM accounts "
        "WHERE account_id IN (SELECT account_id FROM targets WHERE run_id = ?) ORDER BY account_id",
        (run_id,),
    )
