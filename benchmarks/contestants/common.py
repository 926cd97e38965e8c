"""What the contestants share: their command line, and the tables that they fill.

Every contestant visits the same targets and writes the same facts. None of this is what a contestant is measured for:
it is the cheapest plain way to do it, so that what differs is how each of them talks to AWS.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.world import REGIONS, account_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["ROLE", "Recorder", "child_rows", "job_values", "options", "text_of"]

ROLE = "MacieInventoryReader"

_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    account_id TEXT NOT NULL, region TEXT NOT NULL, job_id TEXT NOT NULL, arn TEXT NOT NULL, name TEXT, job_type TEXT,
    job_status TEXT, created_at TEXT, last_run_error_code TEXT, paused_at TEXT, expires_at TEXT,
    expiration_health_event_arn TEXT, bucket_selection TEXT, bucket_count INTEGER, last_seen_at TEXT NOT NULL,
    raw TEXT NOT NULL, PRIMARY KEY (account_id, region, job_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_buckets (
    account_id TEXT NOT NULL, region TEXT NOT NULL, job_id TEXT NOT NULL, bucket_account_id TEXT NOT NULL,
    bucket_name TEXT NOT NULL, PRIMARY KEY (account_id, region, job_id, bucket_account_id, bucket_name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_criteria (
    account_id TEXT NOT NULL, region TEXT NOT NULL, job_id TEXT NOT NULL, block TEXT NOT NULL, term INTEGER NOT NULL,
    kind TEXT NOT NULL, item INTEGER NOT NULL, comparator TEXT, key TEXT, value TEXT,
    PRIMARY KEY (account_id, region, job_id, block, term, kind, item)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS targets (
    account_id TEXT NOT NULL, region TEXT NOT NULL, outcome TEXT NOT NULL, error_code TEXT, jobs INTEGER NOT NULL,
    finished_at TEXT NOT NULL, PRIMARY KEY (account_id, region)) WITHOUT ROWID;
"""


def options(description: str | None) -> argparse.Namespace:
    """Read the command line of a contestant; `account_ids` and `region_names` are what it has to visit."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--endpoint", required=True, metavar="URL")
    parser.add_argument("--accounts", type=int, required=True, metavar="N")
    parser.add_argument("--regions", type=int, required=True, metavar="R", help="how many of the 22")
    parser.add_argument("--concurrency", type=int, required=True, metavar="C")
    parser.add_argument("--database", required=True, metavar="FILE")
    parsed = parser.parse_args()
    parsed.account_ids = [account_id(number) for number in range(parsed.accounts)]
    parsed.region_names = REGIONS[: parsed.regions]
    return parsed


def text_of(moment: datetime | None) -> str | None:
    """Write a moment as UTC text of one width."""
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def job_values(account: str, region: str, job: Mapping[str, Any], seen_at: str) -> tuple[Any, ...]:
    """Give the row of `jobs` for one item as botocore parsed it."""
    paused = job.get("userPausedDetails", {})
    definitions = job.get("bucketDefinitions")
    return (
        account,
        region,
        job["jobId"],
        f"arn:aws:macie2:{region}:{account}:classification-job/{job['jobId']}",
        job.get("name"),
        job.get("jobType"),
        job.get("jobStatus"),
        text_of(job.get("createdAt")),
        job.get("lastRunErrorStatus", {}).get("code"),
        text_of(paused.get("jobPausedAt")),
        text_of(paused.get("jobExpiresAt")),
        paused.get("jobImminentExpirationHealthEventArn"),
        "definitions" if definitions is not None else "criteria",
        None if definitions is None else sum(len(definition["buckets"]) for definition in definitions),
        seen_at,
        json.dumps(job, default=text_of, separators=(",", ":")),
    )


def child_rows(
    key: tuple[str, str, str], job: Mapping[str, Any]
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Give one job's rows of `job_buckets` and of `job_criteria`."""
    buckets = [
        (*key, definition["accountId"], bucket)
        for definition in job.get("bucketDefinitions") or ()
        for bucket in definition["buckets"]
    ]
    criteria = [
        (*key, block, term, *row)
        for block, content in (job.get("bucketCriteria") or {}).items()
        for term, element in enumerate(content["and"])
        for row in _criterion(element)
    ]
    return buckets, criteria


def _criterion(element: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    if simple := element.get("simpleCriterion"):
        for item, value in enumerate(simple["values"]):
            yield "simple", item, simple["comparator"], simple["key"], value
    if tag := element.get("tagCriterion"):
        for item, pair in enumerate(tag["tagValues"]):
            yield "tag", item, tag["comparator"], pair.get("key"), pair.get("value")


class Recorder:
    """Writes targets into a SQLite file from one thread, `batch` targets to a transaction."""

    def __init__(self, database: str, *, batch: int = 100) -> None:
        self._connection = sqlite3.connect(database, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_TABLES)
        Path(database).chmod(0o600)
        self._batch = batch
        self._waiting = 0

    def record(self, account: str, region: str, jobs: Iterable[Mapping[str, Any]], error: str | None = None) -> None:
        """Write one target: its jobs with their child rows, and its outcome."""
        if not self._waiting:
            self._connection.execute("BEGIN")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        rows, buckets, criteria = [], [], []
        for job in jobs:
            rows.append(job_values(account, region, job, now))
            of_buckets, of_criteria = child_rows((account, region, job["jobId"]), job)
            buckets += of_buckets
            criteria += of_criteria
        write = self._connection.executemany
        write(f"INSERT OR REPLACE INTO jobs VALUES ({','.join('?' * 16)})", rows)  # noqa: S608 - placeholders
        write("INSERT OR REPLACE INTO job_buckets VALUES (?,?,?,?,?)", buckets)
        write("INSERT OR REPLACE INTO job_criteria VALUES (?,?,?,?,?,?,?,?,?,?)", criteria)
        outcome = (account, region, "failed" if error else "collected", error, len(rows), now)
        self._connection.execute("INSERT OR REPLACE INTO targets VALUES (?,?,?,?,?,?)", outcome)
        self._waiting += 1
        if self._waiting >= self._batch:
            self._connection.execute("COMMIT")
            self._waiting = 0

    def close(self) -> None:
        """Commit what is waiting and close the file."""
        if self._waiting:
            self._connection.execute("COMMIT")
        self._connection.close()
