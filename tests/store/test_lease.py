"""One run at a time: who holds the lease, who gets it, and who must notice that it is lost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace

import anyio
import pytest
from tests.store.material import HERE, at, harvest, item, rows, run_start

from macie_inventory.errors import DatabaseError, LeaseHeldError
from macie_inventory.model import RunStatus
from macie_inventory.store import Owner, open_store, parse_database_url, require_free, this_process
from macie_inventory.store.owner import is_gone

pytestmark = pytest.mark.anyio

STRANGER = Owner(host="another-host", process_id=4711, process_identity="boot/pid:[1]/99")


async def test_a_second_run_is_told_who_holds_the_lease(database_url: str) -> None:
    """While a run lives, another one cannot begin, and nothing of it is stored."""
    url = parse_database_url(database_url)
    async with open_store(url) as holder, open_store(url) as other:
        await require_free(url)
        await holder.begin_run(run_start(1), [], [HERE])
        said = rf"run run-01 is collecting .* since 20.*Z \(process {os.getpid()} on .*\)"
        with pytest.raises(LeaseHeldError, match=said):
            await other.begin_run(run_start(2), [], [HERE])
        with pytest.raises(LeaseHeldError, match=said):
            await require_free(url)
        assert await rows(database_url, "SELECT run_id FROM runs") == [("run-01",)]
        await holder.finish_run(RunStatus.PARTIAL, at(1, 30))
        await require_free(url)
        await other.begin_run(run_start(2), [], [HERE])
        await other.finish_run(RunStatus.PARTIAL, at(2, 30))


async def test_a_lease_that_lapsed_is_taken_over(database_url: str) -> None:
    """An owner on another host that stays silent loses the lease, and its run is marked interrupted."""
    url = parse_database_url(database_url)
    async with open_store(url, lease_seconds=0.5) as silent, open_store(url) as other:
        await silent.begin_run(run_start(1), [], [HERE], STRANGER)
        with pytest.raises(LeaseHeldError, match="process 4711 on another-host"):
            await other.begin_run(run_start(2), [], [HERE])
        await anyio.sleep(0.6)
        await other.begin_run(run_start(2), [], [HERE])
        with pytest.raises(LeaseHeldError, match=r"run run-02 .* took this database over"):
            await silent.write([harvest(HERE, item("a"))])
        with pytest.raises(LeaseHeldError, match="nothing more is written"):
            await silent.finish_run(RunStatus.COMPLETE, at(1, 30))
        await other.write([harvest(HERE, item("b"))])
        await other.finish_run(RunStatus.COMPLETE, at(2, 30))
    assert await rows(database_url, "SELECT job_id FROM jobs") == [("b",)]
    assert await rows(database_url, "SELECT run_id, status FROM runs ORDER BY 1") == [
        ("run-01", "interrupted"),
        ("run-02", "complete"),
    ]


async def test_a_heartbeat_keeps_the_lease(database_url: str) -> None:
    """A run that writes nothing for long keeps the lease as long as it is renewed, and notices its loss."""
    url = parse_database_url(database_url)
    async with open_store(url, lease_seconds=0.6) as holder, open_store(url) as other:
        await holder.begin_run(run_start(1), [], [HERE], STRANGER)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(holder.keep_lease)
            await anyio.sleep(1.2)
            with pytest.raises(LeaseHeldError):
                await other.begin_run(run_start(2), [], [HERE])
            tasks.cancel_scope.cancel()
        await rows(database_url, "UPDATE leases SET token = 'stolen'")
        with pytest.raises(LeaseHeldError, match="took this database over"):
            await holder.keep_lease(0.01)


async def test_the_heartbeat_ends_with_the_run(sqlite_url: str) -> None:
    """Once the run is finished there is nothing to renew, and the task ends by itself."""
    async with open_store(parse_database_url(sqlite_url)) as store:
        await store.begin_run(run_start(1), [], [HERE])
        await store.finish_run(RunStatus.PARTIAL, at(1, 30))
        with anyio.fail_after(1):
            await store.keep_lease()


async def test_a_dead_process_loses_the_lease_at_once(database_url: str) -> None:
    """A lease of a process of this host that is certainly gone does not have to lapse."""
    url = parse_database_url(database_url)
    async with open_store(url) as dead, open_store(url) as other:
        await dead.begin_run(run_start(1), [], [HERE], _ended_process())
        await require_free(url)
        await other.begin_run(run_start(2), [], [HERE])
        await other.finish_run(RunStatus.PARTIAL, at(2, 30))


def _ended_process() -> Owner:
    """Describe a process as itself would, and let it end."""
    script = "from macie_inventory.store import this_process as t; o = t(); print(o.process_id, o.process_identity)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    process_id, identity = said.stdout.split()
    return replace(this_process(), process_id=int(process_id), process_identity=identity)


def test_a_process_is_only_gone_when_that_is_certain() -> None:
    """A living process, one of another host, boot or namespace, and one that cannot be told apart are not gone."""
    me = this_process()
    assert me.process_identity is not None
    assert not is_gone(me)
    assert is_gone(replace(me, process_identity=re.sub(r"\d+$", "1", me.process_identity)))
    assert not is_gone(replace(_ended_process(), host="another-host"))
    assert not is_gone(replace(me, process_identity="another-boot/pid:[1]/1"))
    assert not is_gone(replace(me, process_identity=None))


def test_a_zombie_is_gone() -> None:
    """A process that ended but was not waited for holds nothing any more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        me = this_process()
        assert me.process_identity is not None
        assert is_gone(replace(me, process_id=child.pid))


async def test_a_store_that_is_left_gives_the_lease_back(database_url: str) -> None:
    """Leaving the block without finishing releases the lease; the run stays `running` until the next one begins."""
    url = parse_database_url(database_url)
    async with open_store(url) as store:
        await store.begin_run(run_start(1), [], [HERE], STRANGER)
        with pytest.raises(LeaseHeldError):
            await require_free(url)
    await require_free(url)


async def test_only_one_of_two_beginning_at_once_gets_the_lease(database_url: str) -> None:
    """Two runs that begin in the same moment: one gets the lease, the other is told."""
    url = parse_database_url(database_url)
    refused = []

    async with open_store(url) as one, open_store(url) as two:

        async def begin(number: int) -> None:
            try:
                await (one, two)[number].begin_run(run_start(number + 1), [], [HERE])
            except LeaseHeldError:
                refused.append(number)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(begin, 0)
            tasks.start_soon(begin, 1)
        assert len(refused) == 1
        assert len(await rows(database_url, "SELECT run_id FROM runs")) == 1


async def test_reading_goes_on_while_a_run_writes(database_url: str) -> None:
    """A reader sees the state before a transaction that is not finished, without waiting for it."""
    url = parse_database_url(database_url)
    async with open_store(url) as writer, open_store(url, readonly=True) as reader:
        await writer.begin_run(run_start(1), [], [HERE])
        async with writer._engine.begin() as connection:  # noqa: SLF001 - a transaction that is not finished
            await connection.exec_driver_sql("UPDATE runs SET status = 'failed'")
            with anyio.fail_after(2):
                assert (await reader.summary("last")).status is RunStatus.RUNNING
            await connection.rollback()


async def test_a_reader_cannot_write(database_url: str) -> None:
    """A read-only store has no way to change the database."""
    url = parse_database_url(database_url)
    async with open_store(url):
        pass
    async with open_store(url, readonly=True) as reader:
        with pytest.raises(DatabaseError, match="read-only"):
            await reader.begin_run(run_start(1), [], [HERE])
