"""Fixtures of the simulator's own tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.simulator.clients import Clients

from macie_inventory.simulator import World, generate_world, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from macie_inventory.simulator import Simulator


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, the only loop that aiohttp knows."""
    return "asyncio"


@pytest.fixture
def world() -> World:
    """Return a small organization: six accounts, three regions, eight jobs each."""
    return generate_world(accounts=6, regions=3, jobs=8, seed=1)


@pytest.fixture
def member(world: World) -> str:
    """Return the id of an account that is not the caller's."""
    return next(account_id for account_id in world.accounts if account_id != world.caller_account_id)


@pytest.fixture
def sim(world: World) -> Iterator[Simulator]:
    """Serve the small organization without faults."""
    with running(world, record_signers=True) as simulator:
        yield simulator


@pytest.fixture
def clients(sim: Simulator) -> Iterator[Clients]:
    """Return boto3 clients of the caller."""
    with Clients(sim) as made:
        yield made
