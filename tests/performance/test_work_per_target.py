"""The work per target, counted and not timed, so that a slower machine changes nothing: calls, connections, statements.

Recorded numbers stand in `benchmarks/README.md` as CPU time; here they are counts of the same line, from two runs of
different size whose difference leaves the start of the program out.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from benchmarks.server import Endpoint, serve
from benchmarks.world import REGIONS, account_id
from sqlalchemy import event
from sqlalchemy.engine import Engine

from macie_inventory.config import Limits, Scope
from macie_inventory.pipeline import writer
from macie_inventory.pipeline.collect import collect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

JOBS = 10
WIDTH = 8
SMALL, LARGE = 1, 7
"""Accounts of the two runs; each has 22 targets."""

FUNCTION_CALLS_PER_TARGET = 920
"""Calls of Python and C functions in the event loop's thread, recorded on Python 3.11 for a first run."""

FUNCTION_CALLS_PER_TARGET_AGAIN = 820
"""The same for a second run in which nothing has changed."""

ROWS_PER_TARGET = 42.05
"""Rows handed to SQLite per target: the plan, the outcome, ten jobs with their buckets and criteria, the changes."""

TOLERANCE = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one run did."""

    function_calls: int
    statements: int
    rows: int
    api_calls: dict[str, int]
    connections: int

    def per_target(self, smaller: Work) -> float:
        """Give the function calls per target that a larger run has more than a smaller one."""
        return (self.function_calls - smaller.function_calls) / ((LARGE - SMALL) * len(REGIONS))


@contextmanager
def running_endpoint(endpoint: Endpoint) -> Iterator[str]:
    """Serve the benchmark's endpoint from a thread of its own, which the counters do not see."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    address: list[str] = []

    async def run() -> None:
        server = await serve(endpoint)
        address.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        started.set()
        async with server:
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), name="endpoint")
    thread.start()
    assert started.wait(10)
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@contextmanager
def counted_statements() -> Iterator[list[int]]:
    """Give the rows of every statement that goes to a driver, in their order, while the block lasts."""
    rows: list[int] = []

    def note(_c: object, _cursor: object, _statement: str, parameters: Any, _context: object, many: bool) -> None:  # noqa: ANN401
        rows.append(len(parameters) if many else 1)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield rows
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@contextmanager
def counted_calls() -> Iterator[list[int]]:
    """Count the functions that this thread calls while the block lasts."""
    count = [0]

    def note(_frame: FrameType, what: str, _argument: object) -> None:
        if what in {"call", "c_call"}:
            count[0] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield count
    finally:
        sys.setprofile(before)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Point the SDK of this process at an endpoint with ten jobs per target."""
    endpoint = Endpoint(accounts=LARGE, jobs=JOBS, page=50, latency=0)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    # Transactions end when they are full or the run does, not by the clock: their number is the same on every machine.
    monkeypatch.setattr(writer, "LONGEST_AGE", 3600.0)
    with running_endpoint(endpoint) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield endpoint


def run_once(aws: Endpoint, database: Path, accounts: int) -> Work:
    """Collect so many accounts into a database, and count."""
    aws.stats.reset()
    scope = Scope(discovery="accounts", account=tuple(account_id(number) for number in range(accounts)), region=REGIONS)
    limits = Limits(concurrency=WIDTH)

    async def run() -> None:
        summary, gaps = await collect(scope, database=f"sqlite:///{database}", limits=limits)
        assert (summary.status.value, list(gaps)) == ("complete", [])

    with counted_statements() as rows, counted_calls() as calls:
        anyio.run(run, backend="asyncio")
    return Work(
        function_calls=calls[0],
        statements=len(rows),
        rows=sum(rows),
        api_calls=dict(aws.stats.calls),
        connections=aws.stats.connections,
    )


def runs(aws: Endpoint, folder: Path) -> dict[str, Work]:
    """Collect a small and a larger organization, each twice; the first one's warming up does not count."""
    run_once(aws, folder / "warm.db", SMALL)
    small, small_again = (run_once(aws, folder / "small.db", SMALL) for _ in range(2))
    large, large_again = (run_once(aws, folder / "large.db", LARGE) for _ in range(2))
    return {"small": small, "small again": small_again, "large": large, "large again": large_again}


def test_calls_and_connections(aws: Endpoint, tmp_path: Path) -> None:
    """A page costs one call, an account one AssumeRole, and the whole run no more connections than it is wide."""
    work = run_once(aws, tmp_path / "inventory.db", LARGE)
    expected = {"GetCallerIdentity": 1, "AssumeRole": LARGE, "ListClassificationJobs": LARGE * len(REGIONS)}
    assert work.api_calls == expected
    assert work.connections <= WIDTH


def test_work_per_target(aws: Endpoint, tmp_path: Path) -> None:
    """Neither the functions called nor the rows written per target grow by a fifth, nor do statements follow targets."""
    work = runs(aws, tmp_path)
    first = work["large"].per_target(work["small"])
    again = work["large again"].per_target(work["small again"])
    targets = (LARGE - SMALL) * len(REGIONS)
    rows = (work["large"].rows - work["small"].rows) / targets
    found = f"function calls per target {first:.0f}, again {again:.0f}; rows {rows:.2f}"
    assert first <= FUNCTION_CALLS_PER_TARGET * TOLERANCE, found
    assert again <= FUNCTION_CALLS_PER_TARGET_AGAIN * TOLERANCE, found
    assert rows <= ROWS_PER_TARGET * TOLERANCE, found
    assert work["large"].statements <= work["small"].statements * TOLERANCE
    assert work["large again"].statements <= work["small again"].statements * TOLERANCE
