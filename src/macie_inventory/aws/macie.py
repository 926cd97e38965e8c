"""List: from a target to its harvest, every page of ListClassificationJobs or the reason why not.

Source: https://docs.aws.amazon.com/macie/latest/APIReference/jobs-list.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from macie_inventory.aws.credentials import Grant, NoGrantError
from macie_inventory.aws.failures import CallError
from macie_inventory.aws.retry import Patience, Tally, call
from macie_inventory.backoff import Pace
from macie_inventory.model import Harvest, Outcome
from macie_inventory.normalise import NotAListingError, read_page
from macie_inventory.outcome import Action, Failure, Kind, Phase, Verdict, always_on, judge

if TYPE_CHECKING:
    from macie_inventory.aws.clients import MacieClients, MacieRegion
    from macie_inventory.aws.credentials import Vault
    from macie_inventory.aws.slots import Slot
    from macie_inventory.backoff import RetryPolicy
    from macie_inventory.config import Limits
    from macie_inventory.criteria import ListingRequest
    from macie_inventory.model import Job, Target

__all__ = ["Lister", "RegionUnreachableError"]

BARREN_PAGES = 100
"""So many pages in a row without a job not seen before, and the listing counts as endless."""

CONNECT_TRIES = 3
"""Tries of a connection that is refused at once; one that times out is not tried again by the same target."""

RENEWALS = 3
"""Fresh credentials for one page, at most."""


class RegionUnreachableError(Exception):
    """The region of this target could not be reached; whether it is worth another try is for the schedule to say."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _EndError(Exception):
    """The listing ends here with this outcome."""

    def __init__(self, outcome: Outcome, failure: Failure) -> None:
        super().__init__(failure.message)
        self.outcome = outcome
        self.failure = failure


@dataclass(slots=True)
class _Listing:
    """How far the listing of one target has come."""

    target: Target
    tally: Tally
    jobs: dict[str, Job] = field(default_factory=dict)
    pages: int = 0
    token: str | None = None
    tokens: set[str] = field(default_factory=set)
    barren: int = 0
    refused_pages: set[int] = field(default_factory=set)
    page: int = 1
    connect_failures: int = 0
    renewals: int = 0
    pace: Pace = field(default_factory=Pace)
    answered_at: float = float("-inf")
    refused_since_answer: bool = False

    def restart(self) -> None:
        """Begin again at the first page; what was seen was there, so it stays."""
        self.page, self.token, self.barren = 1, None, 0
        self.tokens.clear()

    def take(self, jobs: list[Job], token: str | None) -> None:
        """Add a page."""
        known = len(self.jobs)
        for job in jobs:
            self.jobs[job.job_id] = job
        self.barren = self.barren + 1 if len(self.jobs) == known else 0
        self.pages += 1
        self.page += 1
        self.token = token
        self.renewals = 0


class Lister:
    """Lists targets with clients that all accounts of a region share, signing each call for its own account."""

    def __init__(
        self, *, clients: MacieClients, vault: Vault, request: ListingRequest, policy: RetryPolicy, limits: Limits
    ) -> None:
        self._clients = clients
        self._vault = vault
        self._request = request
        self._policy = policy
        self._limits = limits
        self._most_jobs = limits.max_jobs_per_target
        self._most_pages = max(1000, -(-limits.max_jobs_per_target // request.page_size))

    async def harvest(self, target: Target, slot: Slot, tally: Tally | None = None) -> Harvest:
        """List one target to its end; raises RegionUnreachableError when there is no connection to its region.

        A failure is a value of the harvest, except one of the caller's own credentials (CredentialsError).
        """
        listing = _Listing(target, tally or Tally())
        started_at = _now()
        outcome, failure = Outcome.COLLECTED, None
        with anyio.move_on_after(self._limits.target_timeout) as scope:
            try:
                await self._list(listing, slot)
            except (_EndError, NoGrantError) as end:
                outcome, failure = end.outcome, end.failure
        if scope.cancelled_caught:
            outcome = Outcome.LISTING_INCOMPLETE if listing.pages else Outcome.FAILED
            failure = _local("TargetTimeout", f"the target took more than {self._limits.target_timeout:g} seconds")
        return Harvest(
            target=target,
            outcome=outcome,
            jobs=tuple(listing.jobs.values()),
            error_code=(failure.code or (str(failure.status) if failure.status else None)) if failure else None,
            error_message=failure.message if failure else None,
            http_status=failure.status if failure else None,
            request_id=failure.request_id if failure else None,
            pages=listing.pages,
            api_calls=listing.tally.calls,
            retries=listing.tally.retries,
            throttles=listing.tally.throttles,
            started_at=started_at,
            finished_at=_now(),
        )

    async def _list(self, listing: _Listing, slot: Slot) -> None:
        target = listing.target
        grant = await self._vault.grant(target.account_id, slot)
        client = await self._clients.of(target.region)
        while True:
            grant = await self._page(client, listing, grant, slot)
            if listing.token is None and listing.page > 1:
                return
            self._guard(listing)

    async def _page(self, client: MacieRegion, listing: _Listing, grant: Grant, slot: Slot) -> Grant:
        """Read one page, however many tries that takes; give the grant that worked."""
        patience = Patience(self._policy)
        while True:
            if (pause := listing.answered_at + listing.pace.interval - monotonic()) > 0:
                await slot.sleep(pause)
            # A long wait may have outlived them.
            grant = await self._fresh(listing.target.account_id, grant, slot)
            try:
                jobs, token = await self._send(client, listing, grant)
            except CallError as error:
                if error.failure.kind is not Kind.CONNECT:
                    slot.reached()
                page = listing.page
                grant = await self._after_failure(error.failure, listing, grant, patience, slot)
                if listing.page != page:
                    return grant
                continue
            slot.reached()
            grant.worked = True
            self._learn_pace(listing)
            if token is not None and token in listing.tokens:
                listing.take(jobs, token)
                raise _EndError(
                    Outcome.LISTING_INCOMPLETE, _local("RepeatedToken", "the service gave the same nextToken twice")
                )
            listing.take(jobs, token)
            if token is not None:
                listing.tokens.add(token)
            return grant

    async def _fresh(self, account_id: str, grant: Grant, slot: Slot) -> Grant:
        if monotonic() < grant.usable_until:
            return grant
        return await self._vault.grant(account_id, slot)

    async def _send(self, client: MacieRegion, listing: _Listing, grant: Grant) -> tuple[list[Job], str | None]:
        page = await call(
            lambda: client.list_jobs(listing.token, grant.credentials),
            Phase.LIST,
            listing.tally,
            name="macie2.ListClassificationJobs",
        )
        try:
            return read_page(page.body)
        except NotAListingError as error:
            for job in error.jobs:
                listing.jobs[job.job_id] = job
            failure = Failure(
                phase=Phase.LIST,
                kind=Kind.NOT_A_LISTING,
                code="NotAListing",
                message=f"HTTP {page.status}, but {error}",
                status=page.status,
                request_id=page.request_id,
            )
            raise CallError(failure) from error

    async def _after_failure(
        self, failure: Failure, listing: _Listing, grant: Grant, patience: Patience, slot: Slot
    ) -> Grant:
        """Do what the failure asks for and give the grant for the next try, or end the listing."""
        verdict = judge(failure, page=listing.page)
        if verdict.outcome is Outcome.REGION_DISABLED and always_on(listing.target.region):
            verdict = await self._doubt(verdict, grant)
        wait = patience.wait_after(failure, at_least=listing.pace.interval)
        if verdict.action is Action.STOP or wait is None:
            if verdict.action is Action.PARK:
                raise RegionUnreachableError(failure)
            raise _EndError(verdict.outcome, failure)
        if verdict.action is Action.RESTART:
            if listing.page in listing.refused_pages:
                raise _EndError(verdict.outcome, failure)
            listing.refused_pages.add(listing.page)
            listing.restart()
            listing.tally.retries += 1
            return grant
        if verdict.action is Action.PARK:
            listing.connect_failures += 1
            if failure.code == "ConnectTimeoutError" or listing.connect_failures >= CONNECT_TRIES:
                raise RegionUnreachableError(failure)
        if verdict.action is Action.RENEW:
            grant = await self._renewed(failure, verdict, listing, grant, slot)
        else:
            listing.refused_since_answer = listing.refused_since_answer or failure.throttled
            await slot.sleep(wait)
        listing.tally.retries += 1
        return grant

    async def _doubt(self, verdict: Verdict, grant: Grant) -> Verdict:
        """Where no account can switch the region off, refused credentials may as well be bad ones: ask STS."""
        if await self._vault.vouches_for(grant):
            return verdict
        return Verdict(Action.RENEW, Outcome.FAILED)

    async def _renewed(self, failure: Failure, verdict: Verdict, listing: _Listing, grant: Grant, slot: Slot) -> Grant:
        """Give fresh credentials, unless it was fresh ones that were refused."""
        listing.renewals += 1
        if listing.renewals > RENEWALS or (listing.renewals > 1 and not grant.worked):
            raise _EndError(verdict.outcome, failure)
        fresh = await self._vault.grant(listing.target.account_id, slot, refused=grant)
        if fresh is grant and listing.renewals > 1:
            raise _EndError(verdict.outcome, failure)
        return fresh

    def _learn_pace(self, listing: _Listing) -> None:
        now = monotonic()
        if listing.refused_since_answer:
            if listing.answered_at > float("-inf"):
                listing.pace = listing.pace.learned(now - listing.answered_at)
        else:
            listing.pace = listing.pace.eased()
        listing.answered_at, listing.refused_since_answer = now, False

    def _guard(self, listing: _Listing) -> None:
        if listing.barren >= BARREN_PAGES:
            problem = f"{BARREN_PAGES} pages in a row brought no job that was not known, and the listing goes on"
        elif listing.pages >= self._most_pages or len(listing.jobs) > self._most_jobs:
            problem = (
                f"the listing goes on after {listing.pages} pages and {len(listing.jobs)} jobs (max_jobs_per_target)"
            )
        else:
            return
        raise _EndError(Outcome.LISTING_INCOMPLETE, _local("EndlessListing", problem))


def _local(code: str, message: str) -> Failure:
    return Failure(phase=Phase.LIST, kind=Kind.LOCAL, code=code, message=message)


def _now() -> str:
    # What `timestamp` writes, without its conversions: this runs twice per target.
    return datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
