"""One run at a time in a database, with real processes; readers are never blocked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.support.crash import WarmProgram
from tests.support.plans import make_empty_database
from tests.support.program import rows

from macie_inventory.simulator import Fault, FaultKind, FaultPlan, Rule, generate_world, running

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from macie_inventory.simulator import Simulator

SLOW = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.DELAY, seconds=1.5), service="macie2"),))
STUCK = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.HANG), service="macie2"),))
PATIENCE = 60.0


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Give a small organization whose answers are late, so that a run takes long."""
    with running(generate_world(accounts=12, regions=2, jobs=4, seed=23), faults=SLOW) as server:
        yield server


@pytest.fixture
def program(simulator: Simulator, tmp_path: Path) -> WarmProgram:
    """Give the program in a folder with a migrated, empty database."""
    shutil.copy(anyio.run(make_empty_database, tmp_path), tmp_path / "macie-inventory.db")
    program = WarmProgram(tmp_path, tmp_path / "output", simulator)
    program.run("--version")  # the first process takes seconds to start, in which a lease may lapse
    return program


def start(program: WarmProgram, simulator: Simulator, *more: str) -> subprocess.Popen[str]:
    """Start a slow collect and wait until it lists targets."""
    process = program.start("collect", "--region", *simulator.world.regions, "--concurrency", "4", *more)
    wait_until(lambda: simulator.calls.count(service="macie2") >= 2, process)
    return process


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something that the process does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process, if it is still there."""
    process.kill()
    process.communicate()


def test_a_second_collect_ends_at_once_and_says_who_collects(program: WarmProgram, simulator: Simulator) -> None:
    """It ends with exit code 1 and one line naming host, process and since when, before AWS is asked anything."""
    first = start(program, simulator)
    asked = simulator.calls.count(service="sts", operation="GetCallerIdentity")
    lines = [
        program.refused("collect", "--region", *simulator.world.regions, expect=1),
        program.refused("collect", "--resume", expect=1),
    ]
    assert simulator.calls.count(service="sts", operation="GetCallerIdentity") - asked <= 1
    assert first.poll() is None, "the first run ended too early to prove anything"
    [(run_id, since)] = rows(program.folder / "macie-inventory.db", "SELECT run_id, acquired_at FROM leases")
    for line in lines:
        assert line == (
            f"macie-inventory: error: run {run_id} is collecting into this database since {since} "
            f"(process {first.pid} on {socket.gethostname()}): wait for it to end"
        )
    simulator.reset(faults=FaultPlan())
    _, errors = first.communicate(timeout=PATIENCE)
    assert first.returncode == 0, errors
    assert rows(program.folder / "macie-inventory.db", "SELECT status, targets_covered FROM runs") == [("complete", 24)]


def test_readers_are_not_blocked_by_a_run(program: WarmProgram, simulator: Simulator) -> None:
    """plan, runs, views and query answer while a run goes on, and see whole targets only."""
    simulator.reset(faults=STUCK)
    first = start(program, simulator)
    try:
        for arguments in (
            ("runs", "list"),
            ("runs", "show", "last"),
            ("plan", "--region", *simulator.world.regions),
            ("query", "SELECT count(*) FROM jobs"),
            ("changes", "--since", "last"),
            ("db", "check"),
        ):
            began = time.monotonic()
            program.run(*arguments, expect=0, timeout=30)
            assert time.monotonic() - began < 10, arguments
        shown = json.loads(program.run("runs", "show", "--format", "json").stdout)
        assert shown["status"] == "running"
        assert first.poll() is None, "the run ended too early to prove anything"
    finally:
        end(first)


def test_a_writer_waits_for_readers_only_as_long_as_it_must(program: WarmProgram, simulator: Simulator) -> None:
    """A reader that keeps its transaction open for the whole run does not disturb it."""
    with closing(sqlite3.connect(program.folder / "macie-inventory.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM jobs").fetchall()
        simulator.reset(faults=FaultPlan())
        printed = program.collect("--region", *simulator.world.regions)
        assert reader.execute("SELECT count(*) FROM jobs").fetchall() == [(0,)]
    assert printed["status"] == "complete"


def pretend_to_be_elsewhere(database: Path) -> None:
    """Make the lease's owner a process on another host, of which nothing is known."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE leases SET host = 'elsewhere'")


def test_a_dead_owner_on_this_host_is_taken_over_at_once(program: WarmProgram, simulator: Simulator) -> None:
    """Nobody waits for a lease whose process is known to be gone."""
    end(start(program, simulator))
    simulator.reset(faults=FaultPlan())
    program.collect("--region", *simulator.world.regions)
    found = rows(program.folder / "macie-inventory.db", "SELECT status, error FROM runs ORDER BY started_at")
    assert found == [("interrupted", "the process ended in mid-run"), ("complete", None)]


def test_a_lease_of_another_host_is_taken_over_when_it_lapses(program: WarmProgram, simulator: Simulator) -> None:
    """An owner of which nothing is known is waited for as long as its lease lasts, and no longer."""
    program.environment["MACIE_INVENTORY_LEASE_SECONDS"] = "6"
    end(start(program, simulator))
    pretend_to_be_elsewhere(program.folder / "macie-inventory.db")
    simulator.reset(faults=FaultPlan())
    database = program.folder / "macie-inventory.db"
    [(left,)] = rows(database, "SELECT (julianday(expires_at) - julianday('now')) * 86400 FROM leases")
    if left > 4:
        line = program.refused("collect", "--region", *simulator.world.regions, expect=1)
        assert "on elsewhere): wait for it to end" in line
    time.sleep(max(0.0, left) + 0.1)
    program.collect("--region", *simulator.world.regions)
    assert rows(database, "SELECT status FROM runs ORDER BY started_at") == [("interrupted",), ("complete",)]


def test_a_run_that_lost_its_lease_writes_nothing_more(program: WarmProgram, simulator: Simulator) -> None:
    """A holder that slept longer than its lease finds another run's work, leaves it alone, and says so."""
    program.environment["MACIE_INVENTORY_LEASE_SECONDS"] = "3"
    first = start(program, simulator)
    database = program.folder / "macie-inventory.db"
    wait_until(lambda: rows(database, "SELECT count(*) FROM leases") == [(1,)], first)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        time.sleep(3.2)
        simulator.reset(faults=FaultPlan())
        second = program.collect("--region", *simulator.world.regions)
        tables = ("runs", "targets", "jobs", "job_changes", "accounts", "leases")
        before = {table: rows(database, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables}
    finally:
        os.kill(first.pid, signal.SIGCONT)
    _, errors = first.communicate(timeout=PATIENCE)
    assert first.returncode == 1
    assert errors.splitlines()[-1].startswith("macie-inventory: error: ")
    assert "took this database over because this run was silent too long: nothing more is written" in errors
    assert {table: rows(database, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables} == before
    statuses = dict(rows(database, "SELECT run_id, status FROM runs"))
    assert statuses.pop(second["run_id"]) == "complete"
    assert list(statuses.values()) == ["interrupted"]
