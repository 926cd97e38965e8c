"""The writer's side of a database: one run at a time begins, writes whole targets, and is closed."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from macie_inventory.errors import ConfigurationError, DatabaseError, LeaseHeldError, UsageError
from macie_inventory.model import Account, JobCounts, RunStatus, Target, timestamp
from macie_inventory.normalise import storable_text
from macie_inventory.store import operations as op
from macie_inventory.store.engine import create_engine, parse_database_url
from macie_inventory.store.inspection import require_current, require_writable
from macie_inventory.store.lease import acquire, new_token, refuse_held, release, renew
from macie_inventory.store.migrate import upgrade
from macie_inventory.store.operations import apply, execute, forget_staging
from macie_inventory.store.owner import Owner, this_process
from macie_inventory.store.reader import Reader, RunSummary, read_accounts
from macie_inventory.store.totals import COVERED_SQL, close_abandoned_runs, write_totals
from macie_inventory.store.trouble import ConnectionLostError, translated
from macie_inventory.store.values import json_text, json_value
from macie_inventory.store.writing import write_harvests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from macie_inventory.model import Harvest, RunStart
    from macie_inventory.store.engine import DatabaseUrl

__all__ = ["Store", "open_store", "require_free"]

T = TypeVar("T")

LEASE_SECONDS = 60.0
RECONNECT_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between the attempts to reach a PostgreSQL server that went away in mid-run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holding:
    token: str
    run_id: str
    partition: str
    filtered: bool


class Store(Reader):
    """One open database. Between `begin_run` or `resume_run` and `finish_run` it holds the lease.

    Every write renews the lease; `keep_lease` renews it while nothing is written.
    """

    def __init__(self, url: DatabaseUrl, engine: AsyncEngine, *, lease_seconds: float = LEASE_SECONDS) -> None:
        super().__init__(url, engine)
        self._lease_seconds = lease_seconds
        self._one_at_a_time = anyio.Lock()
        self._holding: _Holding | None = None

    async def begin_run(
        self, run: RunStart, accounts: Sequence[Account], targets: Sequence[Target], owner: Owner | None = None
    ) -> None:
        """Take the lease and store the run, its accounts and its plan: every target, as `not_attempted`.

        All in one transaction. What an account leaves None keeps the value that was read before. Runs that others left
        `running` are marked `interrupted`. Raises LeaseHeldError while another run lives.
        """
        token, partition = new_token(), run.partition

        async def work(connection: AsyncConnection) -> None:
            await acquire(connection, token, run.run_id, owner or this_process(), self._lease_seconds)
            await close_abandoned_runs(connection, run.run_id, run.started_at)
            await execute(
                connection,
                "INSERT INTO runs (run_id, started_at, status, tool_version, caller_arn, partition, scope, "
                "filter_criteria, targets_total) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id) DO NOTHING",
                (
                    *(run.run_id, run.started_at, str(RunStatus.RUNNING), run.tool_version, run.caller_arn, partition),
                    *(json_text(dict(run.scope)), json_text(_plain(run.filter_criteria)), len(targets)),
                ),
            )
            await apply(connection, op.STORE_ACCOUNTS, _account_rows(accounts, run.started_at))
            planned = [(run.run_id, target.account_id, target.region, "not_attempted") for target in targets]
            await apply(connection, op.PLAN_TARGETS, planned)

        await self._transaction(work)
        filtered = bool(run.filter_criteria)
        self._holding = _Holding(token=token, run_id=run.run_id, partition=partition, filtered=filtered)

    async def resumable_run(self, run_id: str) -> RunSummary:
        """Give the run, or the `last`, that `resume_run` can go on with.

        Raises UsageError when there is none, or nothing of it is left to do.
        """
        run = await self.run_row(run_id)
        if run.status is RunStatus.COMPLETE:
            raise UsageError(f"run {run.run_id} is complete: there is nothing to resume, collect anew")
        return run

    async def resume_run(self, run_id: str, owner: Owner | None = None) -> tuple[list[Account], list[Target]]:
        """Take the lease and set a run, or the `last`, to `running` again.

        Gives the accounts of all its targets, and the targets that it has not covered, by account and region. Raises LeaseHeldError while it, or another run, lives; UsageError when it cannot be resumed.
        """
        run, token = await self.resumable_run(run_id), new_token()

        async def work(connection: AsyncConnection) -> tuple[list[Any], list[Any]]:
            await acquire(connection, token, run.run_id, owner or this_process(), self._lease_seconds)
            await close_abandoned_runs(connection, run.run_id, run.started_at)
            await execute(
                connection,
                "UPDATE runs SET status = ?, finished_at = NULL, error = NULL WHERE run_id = ?",
                (str(RunStatus.RUNNING), run.run_id),
            )
            left = await execute(
                connection,
                "SELECT account_id, region FROM targets "  # noqa: S608 - our names
                f"WHERE run_id = ? AND outcome NOT IN ({COVERED_SQL}) ORDER BY account_id, region",
                (run.run_id,),
            )
            return left, await read_accounts(connection, run.run_id)

        left, accounts = await self._transaction(work)
        filtered = bool(run.filter_criteria)
        self._holding = _Holding(token=token, run_id=run.run_id, partition=run.partition, filtered=filtered)
        return [_account(row) for row in accounts], [Target(account_id, region) for account_id, region in left]

    async def write(self, harvests: Sequence[Harvest]) -> JobCounts:
        """Store whole targets in one transaction, and say what that did to the jobs that were known.

        Rolled back whole when it fails. Raises LeaseHeldError when another run took the database over, DatabaseError
        when the database cannot be written.
        """
        holding = self._held()

        async def work(connection: AsyncConnection) -> JobCounts:
            await renew(connection, holding.token, self._lease_seconds)
            return await write_harvests(
                connection,
                holding.run_id,
                holding.partition,
                harvests,
                filtered=holding.filtered,
                now=timestamp(datetime.now(UTC)),
            )

        return await self._transaction(work) if harvests else JobCounts()

    async def finish_run(self, status: RunStatus, finished_at: str, error: str | None = None) -> None:
        """Close the run with its status and the totals of its targets, and give the lease back."""
        holding = self._held()
        text = storable_text(error) if error is not None else None

        async def work(connection: AsyncConnection) -> None:
            await renew(connection, holding.token, self._lease_seconds)
            await write_totals(connection, holding.run_id, status, finished_at, text)
            await release(connection, holding.token)

        await self._transaction(work)
        self._holding = None

    async def update_accounts(self, accounts: Sequence[Account]) -> None:
        """Store what became known of accounts after the run began; None keeps the value that was read before."""
        holding = self._held()

        async def work(connection: AsyncConnection) -> None:
            await renew(connection, holding.token, self._lease_seconds)
            await apply(connection, op.STORE_ACCOUNTS, _account_rows(accounts, timestamp(datetime.now(UTC))))

        await self._transaction(work)

    async def keep_lease(self, every: float | None = None) -> None:
        """Renew the lease `every` so many seconds (a sixth of its length) until cancelled, or until the run ends.

        Raises LeaseHeldError when another run took the database over. Other trouble shows at the next write.
        """
        while (holding := self._holding) is not None:
            await anyio.sleep(every or self._lease_seconds / 6)
            if self._holding is holding:
                try:
                    await self._attempt(partial(renew, token=holding.token, seconds=self._lease_seconds))
                except LeaseHeldError:
                    raise
                except DatabaseError:
                    continue

    async def aclose(self) -> None:
        """Give back a lease that is still held, so that the next run need not wait for it to lapse."""
        holding, self._holding = self._holding, None
        if holding is not None:
            with suppress(DatabaseError):
                await self._attempt(partial(release, token=holding.token))

    def _held(self) -> _Holding:
        if self._holding is None:
            raise RuntimeError("no run has begun in this store")
        return self._holding

    async def _transaction(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `work` in a transaction, again from its beginning on a new connection where the server went away."""
        for pause in RECONNECT_PAUSES:
            try:
                return await self._attempt(work)
            except ConnectionLostError:
                await anyio.sleep(pause)
        return await self._attempt(work)

    async def _attempt(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        # A cancelled statement would leave the connection in the middle of it; a transaction is short.
        with anyio.CancelScope(shield=True), translated(self.url):
            async with self._one_at_a_time, self._engine.connect() as connection:
                try:
                    async with connection.begin():
                        result = await work(connection)
                except BaseException:
                    forget_staging(connection)
                    raise
        return result


@asynccontextmanager
async def open_store(
    url: DatabaseUrl | str,
    *,
    create: bool = True,
    readonly: bool = False,
    lease_seconds: float = LEASE_SECONDS,
) -> AsyncIterator[Store]:
    """Open a database for the length of the block; `create` gives a fresh one its schema.

    `readonly` needs no write access, never waits for a run that is collecting, and can only read. Raises
    SchemaOutdatedError or DatabaseError when the database cannot be used, ConfigurationError when there is none yet;
    the database then stays as it was.
    """
    if isinstance(url, str):
        url = parse_database_url(url)
    current = await require_current(url)
    if not readonly:
        require_writable(url)
    if not current:
        if readonly or not create:
            raise ConfigurationError(f"there is no inventory at {url.name}: run `macie-inventory collect` first")
        await upgrade(url)
    engine = create_engine(url, readonly=readonly)
    store = Store(url, engine, lease_seconds=lease_seconds)
    try:
        yield store
    finally:
        with anyio.CancelScope(shield=True):
            await store.aclose()
            await engine.dispose()


async def require_free(url: DatabaseUrl) -> None:
    """Make sure, before any other work, that a run could begin: nothing is written.

    Raises LeaseHeldError while another run is collecting, SchemaOutdatedError or DatabaseError when the database
    cannot be used.
    """
    current = await require_current(url)
    require_writable(url)
    if not current:
        return
    engine = create_engine(url, readonly=True)
    try:
        with translated(url):
            async with engine.connect() as connection:
                await refuse_held(connection)
    finally:
        await engine.dispose()


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return None if value is None else dict(value)


def _account_rows(accounts: Sequence[Account], now: str) -> list[tuple[Any, ...]]:
    rows = []
    for account in {account.account_id: account for account in accounts}.values():
        texts = (account.name, account.email, account.state, account.arn, account.parent_id, account.ou_path)
        stored = [None if text is None else storable_text(text) for text in texts]
        rows.append((account.account_id, *stored, json_text(_plain(account.tags)), account.is_management, now, now))
    return rows


def _account(row: Any) -> Account:  # noqa: ANN401 - a row of the driver
    *values, tags, is_management = row
    names = ("account_id", "name", "email", "state", "arn", "parent_id", "ou_path")
    management = None if is_management is None else bool(is_management)
    return Account(**dict(zip(names, values, strict=True)), tags=json_value(tags), is_management=management)
