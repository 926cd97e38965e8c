"""Migrations: they add up to the metadata, from nowhere and from every revision, in three ways."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.store.material import HERE, collect, harvest, item, rows

from macie_inventory.errors import DatabaseError
from macie_inventory.store import catalogue, inspection, migrate, parse_database_url
from macie_inventory.store.engine import create_engine
from macie_inventory.store.schema import VERSION_TABLE, metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

pytestmark = pytest.mark.anyio

T = TypeVar("T")

ROOT = Path(__file__).parents[2]


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="autogenerate skipping .* expression-based index 'pk_job_buckets'")
        return list(compare_metadata(context, metadata))


async def _run_sync(url: str, work: Callable[[Connection], T]) -> T:
    engine = create_engine(parse_database_url(url))
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


async def test_a_fresh_database_is_that_of_the_metadata(database_url: str) -> None:
    """After an upgrade from nothing, Alembic finds nothing to add and nothing to remove."""
    url = parse_database_url(database_url)
    before = await migrate.upgrade(url)
    assert (before.state, before.revision) == (migrate.SchemaState.NONE, None)
    assert await _run_sync(database_url, _differences) == []
    found = await migrate.check(url)
    assert (found.state, found.revision, found.head) == (migrate.SchemaState.CURRENT, migrate.head(), migrate.head())


async def test_the_comparison_notices_a_difference(database_url: str) -> None:
    """The check above is no empty promise: a column too few and a column too many are found."""
    await migrate.upgrade(parse_database_url(database_url))
    await _run_sync(database_url, catalogue.drop_views)
    await rows(database_url, "ALTER TABLE runs ADD COLUMN extra text")
    await rows(database_url, "ALTER TABLE accounts DROP COLUMN ou_path")
    kinds = sorted(difference[0] for difference in await _run_sync(database_url, _differences))
    assert kinds == ["add_column", "remove_column"]


async def test_an_upgrade_of_an_upgraded_database_keeps_everything(database_url: str) -> None:
    """Upgrading again changes no table and makes the views anew."""
    await collect(database_url, 1, harvest(HERE, item("a")))
    before = await rows(database_url, "SELECT * FROM current_jobs")
    await rows(database_url, "DROP VIEW recent_changes")
    assert (await migrate.upgrade(parse_database_url(database_url))).state is migrate.SchemaState.CURRENT
    assert await rows(database_url, "SELECT * FROM current_jobs") == before
    assert await rows(database_url, "SELECT change FROM recent_changes") == [("appeared",)]


def _down(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - the library, not the folder at the root
    from alembic.config import Config  # noqa: PLC0415 - the library, not the folder at the root

    catalogue.drop_views(connection)
    config = Config(attributes={"connection": connection, "views": False})
    config.set_main_option("script_location", str(inspection.folder()))
    command.downgrade(config, "base")


def _described(connection: Connection) -> list[Any]:
    """Give the schema as the database itself describes it."""
    if connection.dialect.name == "sqlite":
        parts = ["SELECT type, name, tbl_name, sql FROM sqlite_master"]
    else:
        parts = [
            (
                "SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default "
                "FROM information_schema.columns WHERE table_schema = current_schema()"
            ),
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
            (
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE connamespace = current_schema()::regnamespace"
            ),
            "SELECT viewname, definition FROM pg_views WHERE schemaname = current_schema()",
        ]
    return [sorted(map(tuple, connection.exec_driver_sql(part).fetchall()), key=repr) for part in parts]


async def test_every_step_goes_down_and_up_again(database_url: str) -> None:
    """Each revision can be undone to nothing and done again; step by step leads to what is created at once."""
    await migrate.upgrade(parse_database_url(database_url))
    at_once = await _run_sync(database_url, _described)
    await _run_sync(database_url, _down)
    assert await migrate.current(parse_database_url(database_url)) is None
    assert await _run_sync(database_url, _described) != at_once
    await migrate.upgrade(parse_database_url(database_url))
    assert await _run_sync(database_url, _differences) == []
    assert await _run_sync(database_url, _described) == at_once


def test_revisions_are_named_by_their_files() -> None:
    """What is read from the names of the files is what Alembic reads from the files."""
    script = ScriptDirectory(str(inspection.folder()))
    assert [step.revision for step in reversed(list(script.walk_revisions()))] == inspection.known_revisions()
    assert script.get_current_head() == migrate.head()


def test_no_package_shadows_the_library() -> None:
    """The folder of the migrations is no package, or `import alembic` at the root would find it."""
    assert not list((ROOT / "alembic").rglob("__init__.py"))


def _alembic(*arguments: str, database: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "MACIE_INVENTORY_DATABASE": database,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path]),
    }
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


async def test_the_alembic_command_works_at_the_root(database_url: str) -> None:
    """`alembic upgrade head`, `current` and `check` work with the repository's alembic.ini, views included."""
    assert _alembic("upgrade", "head", database=database_url).returncode == 0
    assert f"{migrate.head()} (head)" in _alembic("current", database=database_url).stdout
    assert (await migrate.check(parse_database_url(database_url))).state is migrate.SchemaState.CURRENT
    assert await rows(database_url, "SELECT * FROM coverage_gaps") == []
    assert _alembic("check", database=database_url).returncode == 0
    assert "SQL scripts are not offered" in _alembic("upgrade", "head", "--sql", database=database_url).stdout


async def test_two_programs_upgrade_at_once(database_url: str) -> None:
    """Two programs that find an empty database create it once, together."""
    url = parse_database_url(database_url)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(migrate.upgrade, url)
        tasks.start_soon(migrate.upgrade, url)
    assert await _run_sync(database_url, _differences) == []


async def test_a_backup_is_a_whole_copy(sqlite_url: str) -> None:
    """The copy holds everything, even what stands in the write-ahead log, and is closed to others."""
    url = parse_database_url(sqlite_url)
    assert await migrate.backup(url) is None
    await collect(sqlite_url, 1, harvest(HERE, item("a")))
    assert url.path is not None
    open_one = sqlite3.connect(url.path)
    open_one.execute("UPDATE jobs SET name = 'in the log'")
    open_one.commit()
    copy = await migrate.backup(url)
    open_one.close()
    assert copy is not None
    assert copy.parent == url.path.parent
    assert copy.name.startswith("inventory.db.0001-")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert await rows(f"sqlite:///{copy}", "SELECT name FROM jobs") == [("in the log",)]


async def test_a_backup_of_postgresql_is_pg_dumps_work(postgres_url: str) -> None:
    """For PostgreSQL the message names the tool that does it."""
    with pytest.raises(DatabaseError, match="pg_dump"):
        await migrate.backup(parse_database_url(postgres_url))
