"""The whole line on one page: discover, plan, assume, list, normalise, write; `report` reads what was stored."""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from macie_inventory import __version__
from macie_inventory.aws.session import open_aws
from macie_inventory.errors import DiscoveryError, InterruptedRunError, MacieInventoryError
from macie_inventory.model import RunStart, RunStatus, timestamp
from macie_inventory.pipeline.observer import Observer
from macie_inventory.pipeline.prepare import check_scope, placed, prepare
from macie_inventory.pipeline.schedule import Schedule
from macie_inventory.pipeline.workers import Workers
from macie_inventory.pipeline.writer import write_harvests
from macie_inventory.store import open_store, parse_database_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from macie_inventory.aws.macie import Lister
    from macie_inventory.aws.organizations import Organizations
    from macie_inventory.config import Limits, Scope
    from macie_inventory.criteria import ListingRequest
    from macie_inventory.model import Account, Harvest, Target
    from macie_inventory.store import DatabaseUrl, RunSummary, Store

__all__ = ["Stop", "collect", "new_run_id"]


class Stop:
    """Ends a run early: what is finished is stored, the rest stays `not_attempted`."""

    def __init__(self) -> None:
        self.status: RunStatus | None = None
        self.reason = ""
        self._scope = anyio.CancelScope()

    def request(self, status: RunStatus, reason: str) -> None:
        """Ask the run to end with this status; the first reason counts."""
        if self.status is None:
            self.status, self.reason = status, reason
            self._scope.cancel()

    @property
    def scope(self) -> anyio.CancelScope:
        """What the run does until it is asked to end happens within this."""
        return self._scope


async def collect(
    scope: Scope, *, database: str, limits: Limits, observer: Observer | None = None, stop: Stop | None = None
) -> RunSummary:
    """Collect every job of the scope into the database and give the run's summary.

    Raises UsageError before anything is written when the scope is wrong, CredentialsError or DiscoveryError when the
    line cannot begin, DatabaseError when the database cannot be used, InterruptedRunError when `stop` came before the
    first target was known.
    """
    observer, stop = observer or Observer(), stop or Stop()
    request, url = check_scope(scope), parse_database_url(database)
    async with _deadline(limits.timeout, stop):
        async with open_aws(limits) as aws:
            if url.exists():
                async with open_store(url, lease_seconds=limits.lease_seconds) as store:
                    await store.check_free()
            with stop.scope:
                observer.discovering()
                prepared = await prepare(aws, scope)
