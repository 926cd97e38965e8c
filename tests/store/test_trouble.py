"""Database trouble: one clear line each, and the file as it was."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psycopg
import pytest
from tests.store.material import HERE, THERE, at, collect, harvest, item, rows, run_start

from macie_inventory.errors import DatabaseError, SchemaOutdatedError
from macie_inventory.model import JobCounts, RunStatus
from macie_inventory.store import engine, migrate, open_store, parse_database_url
from macie_inventory.store.schema import VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    """A file of another kind is named, not touched, and nothing appears beside it."""
    file = tmp_path / "notes.txt"
    file.write_text("these are notes, not a database")
    before = file.stat().st_mtime_ns
    with pytest.raises(DatabaseError, match=r"notes\.txt: it is no SQLite database: name another file$"):
        async with open_store(f"sqlite:///{file}"):
            pass
    assert (file.read_text(), file.stat().st_mtime_ns) == ("these are notes, not a database", before)
    assert _names(tmp_path) == ["notes.txt"]


async def test_another_programs_database_is_left_alone(tmp_path: Path, postgres_url: str) -> None:
    """A database with tables of something else is refused, on both kinds."""
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE films (title)")
    connection.close()
    content = file.read_bytes()
    with psycopg.connect(postgres_url) as server:
        server.execute("CREATE TABLE jobs (title text)")
    for url in (f"sqlite:///{file}", postgres_url):
        await _refused_as_foreign(url)
    assert file.read_bytes() == content


async def test_another_programs_migrations_are_not_ours(database_url: str) -> None:
    """A database that another program migrates with Alembic is refused, even where it uses our numbers."""
    await rows(database_url, f"CREATE TABLE {VERSION_TABLE} (version_num text)")
    await rows(database_url, "CREATE TABLE films (title text)")
    await rows(database_url, f"INSERT INTO {VERSION_TABLE} VALUES ('0001')")
    await _refused_as_foreign(database_url)


async def _refused_as_foreign(url: str) -> None:
    with pytest.raises(DatabaseError, match="holds the tables of another program"):
        async with open_store(url):
            pass


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """A file that begins like SQLite and goes on like nothing is one line, not a traceback."""
    file = tmp_path / "bad.db"
    file.write_bytes(b"SQLite format 3\x00" + b"\xff" * 4096)
    with pytest.raises(DatabaseError, match=r"bad\.db: it is (no SQLite database|damaged)"):
        async with open_store(f"sqlite:///{file}"):
            pass


@pytest.mark.parametrize(
    ("revision", "error", "said"),
    [
        ("0000", DatabaseError, "made by a newer program than this one"),
        ("9999", DatabaseError, "made by a newer program than this one, which knows 0001: upgrade macie-inventory"),
    ],
)
async def test_a_newer_schema_is_left_alone(
    database_url: str, revision: str, error: type[DatabaseError], said: str
) -> None:
    """A schema that this program does not know was made by a newer one, and stays as it is."""
    await collect(database_url, 1, harvest(HERE, item("a")))
    await rows(database_url, f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'")
    before = await rows(database_url, "SELECT * FROM jobs")
    for action in (collect(database_url, 2, harvest(HERE)), migrate.upgrade(parse_database_url(database_url))):
        with pytest.raises(error, match=said) as caught:
            await action
        assert not isinstance(caught.value, SchemaOutdatedError)
    assert await rows(database_url, "SELECT * FROM jobs") == before


async def test_an_outdated_schema_names_the_command(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program knows a later revision, it stops and names `db upgrade`; nothing is written."""
    await collect(database_url, 1, harvest(HERE, item("a")))
    monkeypatch.setattr("macie_inventory.store.inspection.known_revisions", lambda: ["0001", "0002"])
    with pytest.raises(
        SchemaOutdatedError, match="revision 0001, this program writes 0002: run `macie-inventory db upgrade`"
    ):
        await collect(database_url, 2, harvest(HERE))
    assert (await migrate.check(parse_database_url(database_url))).state is migrate.SchemaState.OUTDATED
    assert await rows(database_url, "SELECT run_id FROM runs") == [("run-01",)]


async def test_a_locked_file_is_waited_for_and_then_named(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process's lock is waited for; when it stays, the transaction fails whole and the next one works."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.2)
    url = parse_database_url(sqlite_url)
    async with open_store(url) as store:
        await store.begin_run(run_start(1), [], [HERE])
        assert url.path is not None
        blocker = sqlite3.connect(url.path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match=r"inventory\.db: another process has locked it: wait"):
            await store.write([harvest(HERE, item("a"))])
        blocker.execute("ROLLBACK")
        blocker.close()
        assert await store.write([harvest(HERE, item("a"))]) == JobCounts(seen=1, appeared=1)
        await store.finish_run(RunStatus.COMPLETE, at(1, 30))


SCRIPT = """
import asyncio, os, resource, signal, sys
sys.path[:0] = {path!r}
from macie_inventory.errors import DatabaseError
from macie_inventory.store import open_store
from tests.store.material import HERE, THERE, at, harvest, item, run_start
from macie_inventory.model import RunStatus
async def main():
    async with open_store({url!r}) as store:
        await store.begin_run(run_start(2), [], [HERE, THERE])
        {hinder}
        await store.write([harvest(THERE, *(item(str(n), name="n" * 900) for n in range(2000)), day=2)])
{first}
try:
    asyncio.run(main())
except DatabaseError as error:
    print(error)
"""


READING = """
import asyncio, os, sys
sys.path[:0] = {path!r}
from macie_inventory.store import open_store
async def main():
    async with open_store({url!r}, readonly=True) as store:
        print((await store.summary("last")).run_id)
{first}
asyncio.run(main())
"""


# The interpreter itself may be closed to others, so everything is imported before.
AS_NOBODY = (
    "import aiosqlite, sqlalchemy.dialects.sqlite.aiosqlite; os.setgroups([]); os.setgid(65534); os.setuid(65534)"
)


def _run(url: str, *, script: str = SCRIPT, first: str = "pass", hinder: str = "pass") -> str:
    text = script.format(path=[*sys.path, str(Path.cwd())], url=url, first=first, hinder=hinder)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


async def test_a_full_disk_is_named_and_loses_nothing(sqlite_url: str) -> None:
    """When the file cannot grow, the batch is rolled back whole, what was stored stays and can be read."""
    await collect(sqlite_url, 1, harvest(HERE, item("a")))
    limit = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))"
    )
    said = _run(sqlite_url, hinder=limit)
    assert "inventory.db: the disk" in said
    assert len(said.splitlines()) == 1
    assert await rows(sqlite_url, "PRAGMA integrity_check") == [("ok",)]
    assert await rows(sqlite_url, "SELECT job_id FROM jobs") == [("a",)]
    found = await rows(sqlite_url, "SELECT run_id, outcome, count(*) FROM targets GROUP BY 1, 2")
    assert found == [("run-01", "collected", 1), ("run-02", "not_attempted", 2)]
    await collect(sqlite_url, 3, harvest(HERE, item("a"), day=3))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that everybody may read; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="macie-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_a_read_only_file_is_named_and_can_be_read(open_folder: Path) -> None:
    """Who may read a file and not write it is told so when collecting, and can still ask for past runs."""
    url, file = f"sqlite:///{open_folder}/inventory.db", open_folder / "inventory.db"
    await collect(url, 1, harvest(HERE, item("a")))
    file.chmod(0o644)
    before = file.read_bytes()
    said = _run(url, first=AS_NOBODY)
    assert said.endswith("inventory.db: it is read-only: check the permissions of the file and of its folder\n")
    assert _run(url, script=READING, first=AS_NOBODY) == "run-01\n"
    assert file.read_bytes() == before


async def test_a_failed_creation_leaves_no_file(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the schema cannot be made, the file that was begun is removed again."""

    def fail(*_arguments: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(migrate, "create_views", fail)
    with pytest.raises(DatabaseError, match="disk I/O error"):
        await collect(sqlite_url, 1)
    path = parse_database_url(sqlite_url).path
    assert path is not None
    assert _names(path.parent) == []


async def test_the_file_is_readable_by_its_owner_only(sqlite_url: str) -> None:
    """The database and the files that SQLite puts beside it are closed to everybody else."""
    url = parse_database_url(sqlite_url)
    assert url.path is not None
    async with open_store(url) as store:
        await store.begin_run(run_start(1), [], [HERE])
        names = _names(url.path.parent)
        assert names == ["inventory.db", "inventory.db-shm", "inventory.db-wal"]
        assert {(url.path.parent / name).stat().st_mode & 0o777 for name in names} == {0o600}
        await store.finish_run(RunStatus.PARTIAL, at(1, 30))
    assert _names(url.path.parent) == ["inventory.db"]


async def test_a_server_that_does_not_answer_is_named() -> None:
    """Where nothing listens, the host is named without the password, at once."""
    with (
        anyio.fail_after(5),
        pytest.raises(DatabaseError, match=r"cannot reach postgresql://u:\*\*\*@127\.0\.0\.1:1/db") as caught,
    ):
        await collect("postgresql://u:secret@127.0.0.1:1/db", 1)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_lost_connection_is_made_anew(postgres_url: str) -> None:
    """When the server cuts the connection between or inside transactions, the batch is stored all the same, once."""
    async with open_store(postgres_url) as store:
        await store.begin_run(run_start(1), [], [HERE, THERE])
        await store.write([harvest(HERE, item("a"))])
        _cut(postgres_url)
        assert await store.write([harvest(THERE, item("b"))]) == JobCounts(seen=1, appeared=1)
        _cut(postgres_url)
        await store.finish_run(RunStatus.COMPLETE, at(1, 30))
        summary = await store.summary("last")
    assert (summary.jobs_seen, summary.jobs_appeared, summary.targets_covered) == (2, 2, 2)
    assert await rows(postgres_url, "SELECT job_id FROM jobs ORDER BY 1") == [("a",), ("b",)]


async def test_a_connection_lost_in_mid_transaction_repeats_it_whole(postgres_url: str) -> None:
    """A transaction that was cut off half-way is rolled back by the server and done again from its beginning."""
    async with open_store(postgres_url) as store:
        await store.begin_run(run_start(1), [], [HERE])
        with psycopg.connect(postgres_url) as blocker:
            blocker.execute("LOCK TABLE job_changes IN EXCLUSIVE MODE")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(store.write, [harvest(HERE, item("a"))])
                while not _waiting(postgres_url):  # noqa: ASYNC110 - another process's lock sets no event
                    await anyio.sleep(0.02)
                _cut(postgres_url, but=blocker.info.backend_pid)
                blocker.rollback()
        await store.finish_run(RunStatus.COMPLETE, at(1, 30))
    assert await rows(postgres_url, "SELECT job_id, change FROM job_changes") == [("a", "appeared")]
    assert await rows(postgres_url, "SELECT count(*) FROM job_buckets") == [(2,)]


def _waiting(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'macie-inventory'"
        row = connection.execute(sql).fetchone()
    return row is not None and row[0] > 0


def _cut(url: str, but: int = 0) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'macie-inventory' AND pid <> %s",
            (but,),
        )
