"""A region that cannot be reached costs the run little, and the others nothing."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.support.line import harvest_all, quick_limits, truth

from macie_inventory.simulator import Simulator, generate_world, running, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


class _Elsewhere:
    """A simulator whose Macie is said to be somewhere else."""

    def __init__(self, simulator: Simulator, macie_url: str) -> None:
        self._simulator = simulator
        self.world = simulator.world
        self._macie_url = macie_url

    def environment(self) -> dict[str, str]:
        """Give the simulator's environment, with another endpoint for Macie."""
        return self._simulator.environment() | {"AWS_ENDPOINT_URL_MACIE2": self._macie_url}


@contextmanager
def _deaf_port() -> Iterator[int]:
    """Give a port whose queue of connections is full: connecting to it hangs."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        clients = []
        try:
            for _ in range(4):
                client = socket.socket()
                client.settimeout(0)
                client.connect_ex(("127.0.0.1", port))
                clients.append(client)
            yield port
        finally:
            for client in clients:
                client.close()


def _closed_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


async def test_refused_connections_are_named_and_few() -> None:
    """Where nobody listens, every target says so, after a handful of connections per region and not per account."""
    world = generate_world(accounts=40, regions=2, jobs=1, seed=4)
    async with serve(world) as simulator:
        elsewhere = _Elsewhere(simulator, f"http://127.0.0.1:{_closed_port()}")
        collected = await harvest_all(elsewhere, limits=quick_limits())  # type: ignore[arg-type]
    assert set(collected.outcomes().values()) == {"region_unreachable"}
    assert len(collected.harvests) == 80
    assert sum(harvest.api_calls for harvest in collected.harvests.values()) <= 2 * 6
    assert all(harvest.error_code == "EndpointConnectionError" for harvest in collected.harvests.values())


async def test_a_deaf_region_costs_its_connect_timeout_and_a_probe() -> None:
    """Where connecting hangs, the run lasts two connect timeouts and the cool-off, however many accounts there are."""
    world = generate_world(accounts=40, regions=2, jobs=1, seed=4)
    with _deaf_port() as port:
        async with serve(world) as simulator:
            elsewhere = _Elsewhere(simulator, f"http://127.0.0.1:{port}")
            began = time.monotonic()
            collected = await harvest_all(elsewhere, limits=quick_limits(connect_timeout=0.5))  # type: ignore[arg-type]
            lasted = time.monotonic() - began
    assert set(collected.outcomes().values()) == {"region_unreachable"}
    assert sum(harvest.api_calls for harvest in collected.harvests.values()) == 2 * 2
    assert lasted < 6


async def test_a_region_that_comes_back_is_collected() -> None:
    """A region that is down when the run begins and up at the half-open probe loses nothing."""
    world = generate_world(accounts=10, regions=2, jobs=2, seed=4)
    port = _closed_port()
    async with serve(world) as simulator, anyio.create_task_group() as tasks:

        async def come_back() -> None:
            await anyio.sleep(0.8)
            with running(world, port=port) as late:
                late._dispatch.vault = simulator._dispatch.vault  # noqa: SLF001 - one vault for both halves of one AWS
                await anyio.sleep_forever()

        tasks.start_soon(come_back)
        elsewhere = _Elsewhere(simulator, f"http://127.0.0.1:{port}")
        collected = await harvest_all(elsewhere, limits=quick_limits(region_cool_off=3.0))  # type: ignore[arg-type]
        tasks.cancel_scope.cancel()
    assert set(collected.outcomes().values()) == {"collected"}
    assert collected.job_ids() == truth(simulator)
