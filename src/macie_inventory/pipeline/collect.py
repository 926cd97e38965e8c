"""The whole line on one page: discover, plan, assume, list, normalise, write; `report` reads what was stored."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from macie_inventory import __version__
from macie_inventory.aws.session import open_aws
from macie_inventory.config import Limits, Scope
from macie_inventory.errors import DeadlineError, DiscoveryError, InterruptedRunError, MacieInventoryError
from macie_inventory.model import Harvest, RunStart, RunStatus, timestamp
from macie_inventory.pipeline.observer import Observer
from macie_inventory.pipeline.prepare import check_scope, placed, prepare
from macie_inventory.pipeline.run_id import new_run_id
from macie_inventory.pipeline.schedule import Schedule
from macie_inventory.pipeline.stop import Stop
from macie_inventory.pipeline.workers import Workers
from macie_inventory.pipeline.writer import write_harvests
from macie_inventory.store import open_store, parse_database_url, require_free
from macie_inventory.telemetry import current_telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyio.streams.memory import MemoryObjectSendStream
    from pydantic import SecretStr

    from macie_inventory.aws.credentials import Identity
    from macie_inventory.aws.macie import Lister
    from macie_inventory.aws.organizations import Organizations
    from macie_inventory.criteria import ListingRequest
    from macie_inventory.model import Account, Target
    from macie_inventory.store import Gap, RunSummary, Store

__all__ = ["DEFAULT_DATABASE", "collect", "resume_run"]

TREE_GRACE = 60.0
"""Seconds that a run waits, when it is done, for the tree of organizational units."""

DEFAULT_DATABASE = "sqlite:///macie-inventory.db"


async def collect(
    scope: Scope | None = None,
    *,
    database: str = DEFAULT_DATABASE,
    limits: Limits | None = None,
    observer: Observer | None = None,
    stop: Stop | None = None,
) -> tuple[RunSummary, Sequence[Gap]]:
    """Collect every job of the scope (default: the whole organization) into the database.

    Gives the run's summary and its gaps. `database` is an SQLite or PostgreSQL URL; the event loop has to be asyncio's.
    Raises UsageError before anything is written when the scope is wrong; CredentialsError or DiscoveryError when the
    line cannot begin; DatabaseError when the database cannot be used; InterruptedRunError or DeadlineError when the
    end came before the first target was known. What goes wrong later is the status of the run.
    """
    scope, limits = scope or Scope(), limits or Limits()
    observer, stop = observer or Observer(), stop or Stop()
    stop.after(limits.timeout)
    started_at = timestamp(datetime.now(UTC))
    request, url = check_scope(scope), parse_database_url(database)
    async with AsyncExitStack() as stack:
        with stop.within():
            await require_free(url)  # before AWS is asked anything
            aws = await stack.enter_async_context(open_aws(limits))
            observer.discovering()
            prepared = await prepare(aws, scope)
        _check_begun(stop)
        run = _run_start(scope, request, aws.identity, started_at)
        store = await stack.enter_async_context(open_store(url, lease_seconds=limits.lease_seconds))
        await store.begin_run(run, prepared.plan.accounts, prepared.plan.targets)
        observer.planned(run.run_id, prepared.plan.accounts, prepared.plan.targets)
        current_telemetry.get().planned(run.run_id, prepared.plan.targets)
        for warning in prepared.plan.warnings:
            observer.warned(warning)
        visit = _Visit(
            store=store,
            lister=aws.lister(request, scope.role),
            run_id=run.run_id,
            accounts=prepared.plan.accounts,
            targets=prepared.plan.targets,
            limits=limits,
            observer=observer,
            stop=stop,
            unread_tree=prepared.unread_tree,
        )
        return await visit.run()


def _run_start(scope: Scope, request: ListingRequest, identity: Identity, started_at: str) -> RunStart:
    return RunStart(
        run_id=new_run_id(),
        started_at=started_at,
        tool_version=__version__,
        caller_arn=identity.arn,
        partition=identity.partition,
        scope=scope.as_json(),
        filter_criteria=request.filter_criteria,
    )


async def resume_run(
    run_id: str,
    *,
    database: str = DEFAULT_DATABASE,
    external_id: SecretStr | None = None,
    limits: Limits | None = None,
    observer: Observer | None = None,
    stop: Stop | None = None,
) -> tuple[RunSummary, Sequence[Gap]]:
    """Visit what a run (its id, or `last`) did not cover, with that run's scope and under its id.

    The external id is never stored, so it has to be given again. Raises as `collect` does, and UsageError when there is no such run.
    """
    limits = limits or Limits()
    observer, stop = observer or Observer(), stop or Stop()
    stop.after(limits.timeout)
    url = parse_database_url(database)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(url, create=False, lease_seconds=limits.lease_seconds))
        stored = await store.resumable_run(run_id)
        scope = Scope.from_json(stored.scope, external_id)
        request = check_scope(scope)
        with stop.within():
            aws = await stack.enter_async_context(open_aws(limits))
        _check_begun(stop)
        accounts, targets = await store.resume_run(stored.run_id)
        observer.planned(stored.run_id, accounts, targets)
        current_telemetry.get().planned(stored.run_id, targets)
        visit = _Visit(
            store=store,
            lister=aws.lister(request, scope.role),
            run_id=stored.run_id,
            accounts=accounts,
            targets=targets,
            limits=limits,
            observer=observer,
            stop=stop,
        )
        return await visit.run()


def _check_begun(stop: Stop) -> None:
    if stop.ended is None:
        return
    status, reason = stop.ended
    error = InterruptedRunError if status is RunStatus.INTERRUPTED else DeadlineError
    raise error(f"{reason} before its first target was known; nothing was written")


@dataclass(slots=True, kw_only=True)
class _Visit:
    """Visits the targets of a run that has begun, and ends it."""

    store: Store
    lister: Lister
    run_id: str
    accounts: Sequence[Account]
    targets: Sequence[Target]
    limits: Limits
    observer: Observer
    stop: Stop
    unread_tree: Organizations | None = None
    covered: int = 0

    async def run(self) -> tuple[RunSummary, Sequence[Gap]]:
        """List and write everything, end the run whatever happens, and give its summary and gaps."""
        failure: MacieInventoryError | None
        try:
            failure = await self._visit_all()
        except BaseExceptionGroup as group:
            failure = _ours(group)
        status, reason = self._ending(failure)
        try:
            with anyio.CancelScope(shield=True):
                await self.store.finish_run(status, timestamp(datetime.now(UTC)), reason)
                result = await self.store.summary(self.run_id), await self.store.gaps(self.run_id)
        except MacieInventoryError as error:
            raise failure or error from error
        return result

    def _ending(self, failure: MacieInventoryError | None) -> tuple[RunStatus, str | None]:
        if failure is not None:
            return RunStatus.FAILED, str(failure)
        if self.stop.ended is not None:
            return self.stop.ended
        return (RunStatus.COMPLETE if self.covered == len(self.targets) else RunStatus.PARTIAL), None

    async def _visit_all(self) -> MacieInventoryError | None:
        """Keep the lease and write while listing goes on; give what ended the run, if something did."""
        failure = None
        harvests, waiting = anyio.create_memory_object_stream[Harvest](self.limits.concurrency)
        async with anyio.create_task_group() as keeping:
            keeping.start_soon(self.store.keep_lease, name="lease")
            async with anyio.create_task_group() as writing, harvests:
                writing.start_soon(write_harvests, waiting, self.store, self.observer, name="writer")
                try:
                    with self.stop.within():
                        await self._list_all(harvests)
                except MacieInventoryError as error:
                    failure = error
                await harvests.aclose()
            keeping.cancel_scope.cancel()
        return failure

    async def _list_all(self, harvests: MemoryObjectSendStream[Harvest]) -> None:
        async def deliver(harvest: Harvest) -> None:
            self.covered += harvest.outcome.covered
            self.observer.harvested(harvest)
            with suppress(anyio.BrokenResourceError):
                try:
                    harvests.send_nowait(harvest)
                except anyio.WouldBlock:
                    # What is finished is stored, even when the run is being ended.
                    with anyio.CancelScope(shield=True):
                        await harvests.send(harvest)

        schedule = Schedule(self.targets, cool_off=self.limits.region_cool_off)
        workers = Workers(self.lister, schedule, deliver, width=min(self.limits.concurrency, len(self.targets)))
        async with anyio.create_task_group() as beside:
            if self.unread_tree is not None:
                beside.start_soon(self._place_accounts, self.unread_tree, name="tree")
            failure = await workers.run()
            # The tree is worth a little patience when all else is done, and none when the run has failed.
            beside.cancel_scope.deadline = anyio.current_time() + (TREE_GRACE if failure is None else 0.0)
        if failure is not None:
            raise failure
        if beside.cancel_scope.cancelled_caught:
            self.observer.warned(f"the organizational units stay unknown: not read {TREE_GRACE:g} s after all else")

    async def _place_accounts(self, organizations: Organizations) -> None:
        """Read where the accounts stand in the organization; a run does without if that is denied."""
        try:
            tree = await organizations.hurried().tree()
        except DiscoveryError as error:
            self.observer.warned(f"the organizational units stay unknown: {error}")
        else:
            await self.store.update_accounts(placed(self.accounts, tree))


def _ours(group: BaseExceptionGroup[BaseException]) -> MacieInventoryError:
    """Give the first error of ours in a group; anything else goes up as it is."""
    ours, others = group.split(MacieInventoryError)
    if ours is None or others is not None:
        raise group
    error: BaseException = ours
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, MacieInventoryError)  # noqa: S101 - split() chose it
    return error
