"""The simulator on a loopback socket, in the caller's event loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from macie_inventory.simulator.conditions import impose
from macie_inventory.simulator.dispatch import Dispatch
from macie_inventory.simulator.faults import NO_FAULTS, FaultPlan
from macie_inventory.simulator.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from ssl import SSLContext

    from macie_inventory.simulator.jobs import Target
    from macie_inventory.simulator.world import World

_SHUTDOWN = 2.0  # seconds that a call under way has left when the server closes; one that waits ends at once
_BACKLOG = 1024


class Simulator:
    """A server under way. `world` may be changed between runs; `calls` counts what was received.

    `struck` are the accounts and regions on which the plan's conditions were imposed.
    """

    def __init__(self, url: str, world: World, plan: FaultPlan, dispatch: Dispatch) -> None:
        self.url = url
        self.world = world
        self.faults = plan
        self.struck: tuple[Target, ...] = ()
        self._dispatch = dispatch
        self._impose()

    @property
    def calls(self) -> Ledger:
        """The ledger of calls."""
        return self._dispatch.ledger

    def environment(self) -> dict[str, str]:
        """Return the environment variables with which any AWS client talks to this server, as the caller."""
        base = self._dispatch.vault.base
        region = self.world.regions[0] if self.world.regions else "us-east-1"
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": base.access_key,
            "AWS_SECRET_ACCESS_KEY": base.secret_key,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def secrets(self) -> set[str]:
        """Return every secret that was ever given out, for tests that look for leaks: keys, tokens, external id."""
        known = {self._dispatch.vault.base.secret_key}
        for session in self._dispatch.vault.sessions():
            known |= {session.secret_key, session.token or ""}
        return (known | {self.world.external_id or ""}) - {""}

    def expire_sessions(self) -> None:
        """Let every session that was minted so far expire now."""
        for session in self._dispatch.vault.sessions():
            session.expires_at = 0.0

    def expire_base(self) -> None:
        """Let the base credentials expire now; `reset` makes them valid again."""
        self._dispatch.vault.base.expires_at = 0.0

    def reset(self, *, world: World | None = None, faults: FaultPlan | None = None) -> None:
        """Forget all calls and what has struck; go on with another world (of the same caller) or plan if given."""
        if world is not None and world.caller_arn != self.world.caller_arn:
            raise ValueError(f"{world.caller_arn} is another caller: start another simulator")
        self.world = self.world if world is None else world
        self.faults = self.faults if faults is None else faults
        self._dispatch.vault.base.expires_at = None
        self._dispatch.ledger.reset()
        self._dispatch.load(self.world, self.faults)
        if world is not None or faults is not None:
            self._impose()

    def _impose(self) -> None:
        self.struck = tuple(
            target for condition in self.faults.conditions for target in impose(self.world, condition, self.faults.seed)
        )


@asynccontextmanager
async def serve(
    world: World,
    *,
    faults: FaultPlan = NO_FAULTS,
    host: str = "127.0.0.1",
    port: int = 0,
    ssl_context: SSLContext | None = None,
    record_signers: bool = False,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Simulator]:
    """Serve a world in this event loop until the block ends.

    Binds to loopback only (ValueError for any other host); port 0 takes a free one. `clock` (seconds since 1970)
    is what signatures and expiries are checked against.
    """
    _check_loopback(host)
    dispatch = Dispatch(world, faults, Ledger(record_signers=record_signers), clock)
    server = web.Server(dispatch, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=ssl_context, backlog=_BACKLOG).start()
        bound_host, bound_port = runner.addresses[0][:2]
        scheme = "https" if ssl_context else "http"
        shown = f"[{bound_host}]" if ":" in bound_host else bound_host
        yield Simulator(f"{scheme}://{shown}:{bound_port}", world, faults, dispatch)
    finally:
        dispatch.closing.set()
        await runner.cleanup()


@contextmanager
def running(
    world: World,
    *,
    faults: FaultPlan = NO_FAULTS,
    host: str = "127.0.0.1",
    port: int = 0,
    ssl_context: SSLContext | None = None,
    record_signers: bool = False,
    clock: Callable[[], float] = time.time,
) -> Iterator[Simulator]:
    """Serve a world in a thread of its own until the block ends; the parameters are those of `serve`."""
    ready = threading.Event()
    started: list[Simulator | BaseException] = []
    stop: list[Callable[[], object]] = []

    async def main() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(stopped.set))
        options = {"ssl_context": ssl_context, "record_signers": record_signers, "clock": clock}
        async with serve(world, faults=faults, host=host, port=port, **options) as simulator:  # type: ignore[arg-type]
            started.append(simulator)
            ready.set()
            await stopped.wait()

    def target() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the thread that waits
            started.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=target, name="simulator", daemon=True)
    thread.start()
    ready.wait()
    first = started[0]
    if isinstance(first, BaseException):
        thread.join()
        raise first
    try:
        yield first
    finally:
        stop[0]()
        thread.join()


def _check_loopback(host: str) -> None:
    if host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"the simulator listens on loopback only, not on {host!r}: use 127.0.0.1")
