"""Every request is signed by its own account, however many share a client."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.support.line import aws_environment, harvest_all, quick_limits, truth

from macie_inventory.aws.clients import MacieClients, client_config
from macie_inventory.aws.failures import CallError
from macie_inventory.aws.retry import Tally, call
from macie_inventory.aws.session import open_aws
from macie_inventory.aws.transport import bare_session
from macie_inventory.config import RoleSettings, Scope
from macie_inventory.outcome import Kind, Phase
from macie_inventory.simulator import FaultKind, FaultPlan, generate_world, serve

pytestmark = pytest.mark.anyio


async def test_hundreds_of_interleaved_accounts_sign_for_themselves() -> None:
    """With 300 accounts on four shared clients and 30 % of faults, no request bears another account's key."""
    world = generate_world(accounts=300, regions=4, jobs=(0, 3), seed=11)
    kinds = {
        FaultKind.THROTTLE,
        FaultKind.INTERNAL,
        FaultKind.RESET,
        FaultKind.CUT_BODY,
        FaultKind.DELAY,
        FaultKind.EXPIRED,
    }
    plan = FaultPlan.recoverable(probability=0.3, kinds=kinds, seed=5, max_consecutive=3)
    async with serve(world, faults=plan) as simulator:
        simulator.calls.record_signers = True
        collected = await harvest_all(simulator, limits=quick_limits(concurrency=100))
        signers = [entry for entry in simulator.calls.signers if entry.call.operation == "ListClassificationJobs"]
        found, expected = collected.job_ids(), truth(simulator)
    assert len(signers) > len(collected.plan.targets), "no retry was sent"
    accounts_of_keys: dict[str, set[str]] = {}
    for entry in signers:
        accounts_of_keys.setdefault(entry.access_key, set()).add(entry.account_id)
    assert all(len(accounts) == 1 for accounts in accounts_of_keys.values())
    assert found == expected


async def test_a_call_without_credentials_fails_closed() -> None:
    """A shared client that nobody gave an account to sends nothing, although the caller's keys are at hand."""
    world = generate_world(accounts=2, regions=1)
    async with serve(world) as simulator:
        limits = quick_limits()
        with aws_environment(simulator):
            async with open_aws(limits) as aws:
                config = client_config(limits, aws._transport, connections=2)  # noqa: SLF001 - the seam under test
                clients = MacieClients(bare_session(), config, aws._stack, {})  # noqa: SLF001 - the seam under test
                client = await clients.of("us-east-1")
                with pytest.raises(CallError) as caught:
                    await call(
                        lambda: client.list_jobs(None, None), Phase.LIST, Tally(), name="macie2.ListClassificationJobs"
                    )
        assert caught.value.failure.kind is Kind.LOCAL
        assert caught.value.failure.code == "NoCredentialsError"
        assert simulator.calls.count(service="macie2") == 0


async def test_roles_are_assumed_once_per_account() -> None:
    """One AssumeRole serves all regions of an account, and the caller's own account needs none."""
    world = generate_world(accounts=30, regions=6, jobs=1, seed=3)
    async with serve(world) as simulator:
        await harvest_all(simulator)
        assert simulator.calls.count(operation="AssumeRole") == 29


async def test_a_denied_role_costs_one_call() -> None:
    """An account whose role cannot be assumed costs one AssumeRole, and every region of it says so."""
    world = generate_world(accounts=5, regions=6, jobs=1, seed=3)
    missing = min(set(world.accounts) - {world.caller_account_id})
    world.mutate.remove_role(missing)
    async with serve(world) as simulator:
        collected = await harvest_all(simulator)
        assert simulator.calls.count(operation="AssumeRole") == 4
    outcomes = Counter(outcome for (account, _), outcome in collected.outcomes().items() if account == missing)
    assert outcomes == {"role_denied": 6}


async def test_own_account_can_be_assumed_too() -> None:
    """With --assume-own-account the caller's account is visited through the role, and denied where there is none."""
    world = generate_world(accounts=3, regions=2, jobs=1, seed=3)
    scope = Scope(region=tuple(world.regions), role=RoleSettings(assume_own_account=True))
    async with serve(world) as simulator:
        simulator.calls.record_signers = True
        collected = await harvest_all(simulator, scope)
        assert simulator.calls.count(operation="AssumeRole") == 3
    assert {account for (account, _), outcome in collected.outcomes().items() if outcome == "role_denied"} <= {
        world.caller_account_id
    }


async def test_credentials_are_renewed_before_they_expire() -> None:
    """A session that lives two seconds is replaced while it is valid: the service never sees an expired one."""
    world = generate_world(accounts=2, regions=1, jobs=40, seed=3)
    world.credential_lifetime = 2.0
    plan = FaultPlan.recoverable(probability=1.0, kinds={FaultKind.DELAY}, seed=1, services=frozenset({"macie2"}))
    scope = Scope(region=tuple(world.regions), page_size=1)
    async with serve(world, faults=plan) as simulator:
        slow = FaultPlan(rules=plan.rules, chaos=plan.chaos, seed=1)
        simulator.reset(faults=slow)
        collected = await harvest_all(simulator, scope, quick_limits(read_timeout=5.0))
        assert "ExpiredTokenException" not in simulator.calls.codes
    assert set(collected.outcomes().values()) == {"collected"}


async def test_the_wrong_accounts_credentials_are_refused() -> None:
    """Credentials that STS gave for another account than the target's are never used."""
    world = generate_world(accounts=3, regions=2, jobs=1, seed=3)
    from macie_inventory.simulator import Fault, Rule  # noqa: PLC0415 - only here

    plan = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.WRONG_ACCOUNT)),))
    async with serve(world, faults=plan) as simulator:
        collected = await harvest_all(simulator)
        others = {account: outcome for (account, _), outcome in collected.outcomes().items()}
        assert others.pop(world.caller_account_id) == "collected"
        assert set(others.values()) == {"failed"}
        assert simulator.calls.count(service="macie2") == 2
    codes = {harvest.error_code for harvest in collected.harvests.values()}
    assert codes == {None, "AccountMismatch"}
