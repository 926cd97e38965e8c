"""Each outcome arises from exactly its cause, on the wire, and a terminal error is not tried again."""

from __future__ import annotations

import pytest
from tests.support.line import QUICK, harvest_all, quick_limits

from macie_inventory.config import Scope
from macie_inventory.simulator import Fault, FaultKind, FaultPlan, Rule, World, generate_world, serve

pytestmark = pytest.mark.anyio

DENIED = "User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: macie2:ListClassificationJobs"
TOKEN_INVALID = "The security token included in the request is invalid."
ATTEMPTS = QUICK.attempts


def one_target(region: str = "eu-west-1") -> tuple[World, str]:
    """Give a world with the caller's account and one other, in one region, with three jobs each."""
    world = generate_world(accounts=2, regions=(region,), jobs=3, seed=2)
    return world, next(account for account in world.accounts if account != world.caller_account_id)


@pytest.mark.parametrize(
    ("status", "code", "message", "outcome", "calls"),
    [
        (403, "AccessDeniedException", "Macie is not enabled.", "macie_disabled", 1),
        (401, "AccessDeniedException", "Macie is not enabled.", "macie_disabled", 1),
        (403, "AccessDeniedException", "Account 1 has not been onboarded", "macie_disabled", 1),
        (403, "AccessDeniedException", DENIED, "access_denied", 1),
        (403, "AccessDeniedException", "text that nobody knows", "access_denied", 1),
        (403, "SomethingNew", "no", "access_denied", 1),
        (400, "ValidationException", "bad", "failed", 1),
        (402, "ServiceQuotaExceededException", "too many", "failed", 1),
        (404, "ResourceNotFoundException", "what?", "failed", 1),
        (409, "ConflictException", "busy", "failed", 1),
        (403, "InvalidSignatureException", "the signature does not match", "failed", 1),
        (429, "ThrottlingException", "slow down", "throttled", ATTEMPTS),
        (400, "Throttling", "slow down", "throttled", ATTEMPTS),
        (500, "InternalServerException", "oh", "failed", ATTEMPTS),
        (503, "ServiceUnavailableException", "oh", "failed", ATTEMPTS),
    ],
)
async def test_an_error_means_its_outcome(status: int, code: str, message: str, outcome: str, calls: int) -> None:
    """The service's error gives this outcome after this many calls, with the error as it was sent."""
    world, account = one_target()
    fault = Fault(kind=FaultKind.ERROR, status=status, code=code, message=message)
    plan = FaultPlan(rules=(Rule(fault=fault, service="macie2", accounts=frozenset({account})),))
    async with serve(world, faults=plan) as simulator:
        collected = await harvest_all(simulator)
        assert simulator.calls.count(service="macie2", account_id=account) == calls
    harvest = next(harvest for target, harvest in collected.harvests.items() if target.account_id == account)
    assert harvest.outcome == outcome
    assert (harvest.error_code, harvest.error_message, harvest.http_status) == (code, message, status)
    assert harvest.request_id
    assert (harvest.api_calls, harvest.retries) == (calls, calls - 1)
    assert collected.outcomes()[world.caller_account_id, "eu-west-1"] == "collected"


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (FaultKind.THROTTLE_BARE, "throttled"),
        (FaultKind.RESET, "failed"),
        (FaultKind.CUT_BODY, "failed"),
        (FaultKind.CUT_CHUNKED, "failed"),
        (FaultKind.UNAVAILABLE, "failed"),
        (FaultKind.HANG, "failed"),
        (FaultKind.HTML, "listing_incomplete"),
        (FaultKind.NOT_JSON, "listing_incomplete"),
        (FaultKind.NO_ITEMS, "listing_incomplete"),
        (FaultKind.EXPIRED, "credentials_expired"),
        (FaultKind.REPEATED, "listing_incomplete"),
        (FaultKind.CYCLIC, "listing_incomplete"),
        (FaultKind.INVALIDATED, "listing_incomplete"),
    ],
)
async def test_a_lasting_fault_means_its_outcome(kind: FaultKind, outcome: str) -> None:
    """A fault that never ends gives this outcome; the other account is not touched by it."""
    world, account = one_target()
    plan = FaultPlan(rules=(Rule(fault=Fault(kind=kind), service="macie2", accounts=frozenset({account})),))
    limits = quick_limits(read_timeout=0.1)
    async with serve(world, faults=plan) as simulator:
        collected = await harvest_all(simulator, Scope(region=("eu-west-1",), page_size=1), limits)
        assert simulator.calls.count(operation="AssumeRole") <= 2
    assert collected.outcomes() == {
        (account, "eu-west-1"): outcome,
        (world.caller_account_id, "eu-west-1"): "collected",
    }


@pytest.mark.parametrize("region", ["me-south-1", "eu-west-1"])
async def test_a_region_that_refuses_sound_credentials_is_disabled(region: str) -> None:
    """In an opt-in region the refusal is enough; elsewhere STS is asked whether the credentials are sound."""
    world, account = one_target(region)
    fault = Fault(kind=FaultKind.ERROR, status=403, code="UnrecognizedClientException", message=TOKEN_INVALID)
    plan = FaultPlan(rules=(Rule(fault=fault, service="macie2", accounts=frozenset({account})),))
    async with serve(world, faults=plan) as simulator:
        collected = await harvest_all(simulator)
        assert simulator.calls.count(service="macie2", account_id=account) == 1
        assert simulator.calls.count(operation="AssumeRole") == 1
    assert collected.outcomes()[account, region] == "region_disabled"


@pytest.mark.parametrize("jobs", ["new", "same", "none"])
async def test_an_endless_listing_ends(jobs: str) -> None:
    """A listing whose tokens never end is given up with what was read, however its pages look."""
    from macie_inventory.simulator.faults import EndlessJobs  # noqa: PLC0415 - only here

    world, account = one_target()
    fault = Fault(kind=FaultKind.ENDLESS, jobs=EndlessJobs(jobs))
    plan = FaultPlan(rules=(Rule(fault=fault, service="macie2", accounts=frozenset({account})),))
    limits = quick_limits(max_jobs_per_target=1000)
    async with serve(world, faults=plan) as simulator:
        collected = await harvest_all(simulator, Scope(region=("eu-west-1",), page_size=10), limits)
    harvest = next(harvest for target, harvest in collected.harvests.items() if target.account_id == account)
    assert harvest.outcome == "listing_incomplete"
    assert harvest.error_code == "EndlessListing"
    assert len(harvest.jobs) >= 3
    assert harvest.pages <= 1000


async def test_a_target_has_a_time_limit() -> None:
    """A target that only hangs costs its time limit and no more."""
    world, account = one_target()
    fault = Fault(kind=FaultKind.HANG)
    plan = FaultPlan(rules=(Rule(fault=fault, service="macie2", accounts=frozenset({account})),))
    async with serve(world, faults=plan) as simulator:
        collected = await harvest_all(simulator, limits=quick_limits(target_timeout=0.3, read_timeout=60.0))
    harvest = next(harvest for target, harvest in collected.harvests.items() if target.account_id == account)
    assert (harvest.outcome, harvest.error_code) == ("failed", "TargetTimeout")
