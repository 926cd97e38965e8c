"""Trouble with the database, from the outside: one clear line, exit code 1, and the file as it was."""

from __future__ import annotations

import importlib
import os
import resource
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import WarmProgram
from tests.support.program import rows, stored_jobs

from macie_inventory.simulator import Fault, FaultKind, FaultPlan, Rule, generate_world, running
from macie_inventory.store import engine, inspection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from macie_inventory.simulator import Simulator

ERROR = "macie-inventory: error: cannot use "
NOBODY = 65534
MANY = 300
"""Jobs of each target where a run has to need more room than there is."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Give an organization of eight targets."""
    with running(generate_world(accounts=4, regions=2, jobs=4, seed=29)) as server:
        yield server


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that other users can enter; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="macie-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def program(simulator: Simulator, folder: Path, tmp_path: Path) -> WarmProgram:
    """Give the program in that folder; what it prints is kept elsewhere."""
    return WarmProgram(folder, tmp_path / "output", simulator, MACIE_INVENTORY_REGION=",".join(simulator.world.regions))


def contents(folder: Path) -> dict[str, bytes]:
    """Give every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def become_nobody() -> None:
    """Go on as a user who owns nothing; whoever is not root stays who they are."""
    importlib.import_module("encodings.ascii")  # the interpreter itself may be closed to others
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def limit_files(most: int) -> None:
    """Let no file grow beyond so many bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def wait_less() -> None:
    """Wait for a lock one second instead of five."""
    engine.BUSY_SECONDS = 1.0


def know_a_later_revision() -> None:
    """Be a program that writes a schema which the database does not have yet."""
    known = inspection.known_revisions()
    inspection.known_revisions = lambda: [*known, "9998"]


def collected(program: WarmProgram) -> Path:
    """Collect once in good order and give the file."""
    program.collect()
    return program.folder / "macie-inventory.db"


@pytest.mark.parametrize("command", [["collect"], ["runs", "list"], ["query", "SELECT 1"], ["db", "upgrade"]])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"these are notes, not a database", "it is no SQLite database: name another file"),
        (b"SQLite format 3\x00" + b"\xff" * 8192, "it is no SQLite database: name another file"),
        (b"PK\x03\x04" + bytes(5000), "it is no SQLite database: name another file"),
    ],
    ids=["text", "garbage", "archive"],
)
def test_a_file_that_is_no_database(content: bytes, said: str, command: list[str], program: WarmProgram) -> None:
    """A file of another kind is named and left alone, whatever is asked of it."""
    (program.folder / "macie-inventory.db").write_bytes(content)
    before = contents(program.folder)
    line = program.refused(*command, expect=1)
    assert line == f"{ERROR}macie-inventory.db: {said}"
    assert contents(program.folder) == before


@pytest.mark.parametrize("command", [["collect"], ["collect", "--resume"], ["runs", "list"], ["db", "upgrade"]])
def test_a_newer_schema(command: list[str], program: WarmProgram) -> None:
    """A database that a newer program made is left alone."""
    file = collected(program)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = contents(program.folder)
    line = program.refused(*command, expect=1)
    assert "macie-inventory.db is revision 9999, made by a newer program than this one" in line
    assert line.endswith("upgrade macie-inventory")
    assert contents(program.folder) == before


@pytest.mark.parametrize("command", [["collect"], ["collect", "--resume"], ["runs", "list"], ["db", "check"]])
def test_an_older_schema(command: list[str], program: WarmProgram) -> None:
    """A database that wants a migration is left alone until somebody asks for it by name."""
    collected(program)
    before = contents(program.folder)
    program.before = know_a_later_revision
    line = program.refused(*command, expect=1)
    assert line.endswith("run `macie-inventory db upgrade`")
    assert "this program writes 9998" in line
    assert contents(program.folder) == before


def test_a_folder_that_is_missing(program: WarmProgram) -> None:
    """A folder that does not exist is a mistake of the configuration, and is not made."""
    line = program.refused("collect", "--database", "sqlite:///nowhere/x.db", expect=2)
    assert line == "macie-inventory: error: the folder of the database does not exist: create nowhere first"
    assert contents(program.folder) == {}


def test_a_folder_in_place_of_a_file(program: WarmProgram) -> None:
    """A folder is no file."""
    (program.folder / "macie-inventory.db").mkdir()
    assert "is no file name" in program.refused("collect", expect=2)


def test_a_file_that_may_not_be_written(program: WarmProgram) -> None:
    """Who may read but not write is told so before AWS is asked for jobs, and can still query."""
    file = collected(program)
    file.chmod(0o444)
    program.folder.chmod(0o555)
    before = contents(program.folder)
    program.before = become_nobody
    assert program.refused("collect", expect=1) == (
        f"{ERROR}macie-inventory.db: it is read-only: check the permissions of the file and of its folder"
    )
    assert program.run("query", "SELECT count(*) FROM jobs", "--format", "csv").stdout.split() == ["count(*)", "32"]
    assert "complete" in program.run("runs", "list").stdout
    assert contents(program.folder) == before
    program.folder.chmod(0o755)


def test_a_file_that_may_not_be_written_in_a_folder_that_may(program: WarmProgram) -> None:
    """The same where SQLite could put files beside it: it is told, and nothing stays behind."""
    file = collected(program)
    file.chmod(0o444)
    program.folder.chmod(0o777)
    before = contents(program.folder)
    program.before = become_nobody
    for command in (["collect"], ["collect", "--resume"], ["db", "upgrade"]):
        assert program.refused(*command, expect=1).startswith(f"{ERROR}macie-inventory.db: it is read-only")
    program.run("query", "SELECT count(*) FROM jobs")
    assert contents(program.folder) == before


def test_a_file_that_may_not_be_read(program: WarmProgram) -> None:
    """Who may not even read is told so."""
    file = collected(program)
    file.chmod(0o000)
    program.before = become_nobody
    for command in (["collect"], ["runs", "list"]):
        assert program.refused(*command, expect=1).startswith(f"{ERROR}macie-inventory.db: ")


def test_a_folder_that_may_not_be_written(program: WarmProgram) -> None:
    """Where no file can be made, that is said, and none is."""
    program.folder.chmod(0o555)
    program.before = become_nobody
    line = program.refused("collect", expect=1)
    assert line == f"{ERROR}macie-inventory.db: it cannot be opened: check the file, its folder and their permissions"
    assert contents(program.folder) == {}


def test_a_locked_database_before_a_run(program: WarmProgram) -> None:
    """A lock that stays is waited for some seconds, then named; nothing was written."""
    file = collected(program)
    program.before = wait_less
    with closing(sqlite3.connect(file, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        line = program.refused("collect", expect=1)
        assert time.monotonic() - began < 30
        blocker.execute("ROLLBACK")
    assert (
        line
        == f"{ERROR}macie-inventory.db: another process has locked it: wait for it to finish, or find it with fuser"
    )
    assert rows(file, "SELECT count(*) FROM runs") == [(1,)]
    assert program.collect()["status"] == "complete"


def test_a_lock_in_mid_run_fails_the_run_whole(program: WarmProgram, simulator: Simulator) -> None:
    """A lock that comes while a run writes, and stays, fails it with one line; the next run completes the picture."""
    late = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.DELAY, seconds=1.0), service="macie2"),))
    file = program.folder / "macie-inventory.db"
    simulator.reset(faults=late)
    program.before = wait_less
    with program.forked("collect", "--concurrency", "2") as (process, output):
        while not file.exists() or simulator.calls.count(service="macie2") < 2:
            assert process.is_alive()
            time.sleep(0.02)
        with closing(sqlite3.connect(file, isolation_level=None, timeout=20)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            process.join(60)
            blocker.execute("ROLLBACK")
        assert process.exitcode == 1
        errors = output.with_suffix(".err").read_text()
    simulator.reset(faults=FaultPlan())
    assert errors.splitlines() == [
        f"{ERROR}macie-inventory.db: another process has locked it: wait for it to finish, or find it with fuser"
    ]
    assert rows(file, "PRAGMA integrity_check") == [("ok",)]
    stored = stored_jobs(file)
    finished = rows(file, "SELECT account_id, region FROM targets WHERE outcome = 'collected'")
    assert set(stored) == set(finished)
    assert program.collect()["status"] == "complete"
    assert [status for (status,) in rows(file, "SELECT status FROM runs ORDER BY run_id")] == [
        "interrupted",
        "complete",
    ]


def grow(simulator: Simulator) -> None:
    """Give every target of the organization many more jobs."""
    others = generate_world(accounts=4, regions=2, jobs=MANY, seed=31).truth()
    for target, jobs in zip(sorted(simulator.world.truth()), others.values(), strict=True):
        simulator.world.jobs[target] = (*simulator.world.jobs_of(*target), *jobs)


def check_no_room(program: WarmProgram, simulator: Simulator, without_room: Callable[[], None]) -> None:
    """Collect, collect more than there is room for, and collect again with room: nothing is lost or halved."""
    file = collected(program)
    before = stored_jobs(file)
    grow(simulator)
    without_room()
    done = program.run("collect", expect=1)
    program.before = None
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"{ERROR}macie-inventory.db: the disk "), line
    assert rows(file, "PRAGMA integrity_check") == [("ok",)]
    stored = stored_jobs(file)
    assert {target: {job_id: stored[target][job_id] for job_id in jobs} for target, jobs in before.items()} == before
    [(first,), (second,)] = rows(file, "SELECT run_id FROM runs ORDER BY run_id")
    grown = {target for target, jobs in stored.items() if len(jobs) > len(before[target])}
    finished = rows(file, "SELECT account_id, region FROM targets WHERE run_id = ? AND outcome = 'collected'", second)
    assert grown == set(finished)
    assert len(grown) < 8, "there was room enough"
    assert {len(stored[target]) for target in grown} <= {4 + MANY}
    assert rows(file, "SELECT status FROM runs WHERE run_id = ?", first) == [("complete",)]
    assert rows(file, "SELECT status FROM runs WHERE run_id = ?", second) in ([("running",)], [("failed",)])


@pytest.fixture
def small(folder: Path, tmp_path: Path) -> Iterator[tuple[WarmProgram, Simulator]]:
    """Give a program and an organization of its own, which may grow."""
    with running(generate_world(accounts=4, regions=2, jobs=4, seed=29)) as simulator:
        regions = ",".join(simulator.world.regions)
        yield WarmProgram(folder, tmp_path / "output", simulator, MACIE_INVENTORY_REGION=regions), simulator


def test_a_file_that_cannot_grow(small: tuple[WarmProgram, Simulator]) -> None:
    """When the file cannot grow the run fails, what was known is unharmed, and the next one goes on."""
    program, simulator = small

    def limit() -> None:
        program.before = partial(limit_files, 250_000)

    check_no_room(program, simulator, limit)
    assert program.collect()["status"] == "complete"


def mount(*arguments: str) -> bool:
    """Call mount; tell whether that worked."""
    command = ["mount", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """Put a small disk there for the length of the block; the test is skipped where that is not allowed."""
    if os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)):
        pytest.skip("mounting a disk takes root's rights")
    try:
        yield
    finally:
        command = ["umount", str(folder)]
        subprocess.run(command, check=True)


def test_a_disk_that_is_full(small: tuple[WarmProgram, Simulator]) -> None:
    """The same on a disk that is really full, where even the run's end cannot be written."""
    program, simulator = small
    with mounted(program.folder, "600k"):
        check_no_room(program, simulator, lambda: None)
        assert mount("-o", "remount,size=20m", str(program.folder))
        assert program.collect()["status"] == "complete"


def test_a_disk_that_is_mounted_read_only(small: tuple[WarmProgram, Simulator]) -> None:
    """On a read-only disk even root is told so; past runs can be read, and no byte changes."""
    program, _ = small
    with mounted(program.folder, "5m"):
        collected(program)
        assert mount("-o", "remount,ro", str(program.folder))
        before = contents(program.folder)
        assert program.refused("collect", expect=1).startswith(f"{ERROR}macie-inventory.db: it is read-only")
        assert "complete" in program.run("runs", "list").stdout
        line = program.refused("collect", "--database", "sqlite:///new.db", expect=1)
        assert line.startswith(f"{ERROR}new.db: it cannot be opened")
        assert contents(program.folder) == before
