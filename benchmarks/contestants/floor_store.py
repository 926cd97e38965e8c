"""The floor's SQL: the tables of the product, filled by driver-level executemany with nothing in between."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FloorStore"]

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, finished_at TEXT, status TEXT NOT NULL, tool_version TEXT, caller_arn TEXT,
    partition TEXT, scope TEXT, filter_criteria TEXT, targets_total INTEGER, targets_covered INTEGER, targets_failed INTEGER,
    jobs_seen INTEGER, jobs_appeared INTEGER, jobs_changed INTEGER, jobs_disappeared INTEGER, api_calls INTEGER, retries INTEGER,
    throttles INTEGER, error TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    account_id TEXT PRIMARY KEY, name TEXT, email TEXT, state TEXT, arn TEXT, parent_id TEXT, ou_path TEXT, tags TEXT,
    is_management INTEGER, first_seen_at TEXT NOT NULL, last_seen_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS targets (
    run_id TEXT NOT NULL, account_id TEXT NOT NULL, region TEXT NOT NULL, outcome TEXT NOT NULL, error_code TEXT,
    error_message TEXT, http_status INTEGER, request_id TEXT, pages INTEGER, jobs INTEGER, api_calls INTEGER, retries INTEGER,
    throttles INTEGER, started_at TEXT, finished_at TEXT, PRIMARY KEY (run_id, account_id, region)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
    account_id TEXT NOT NULL, region TEXT NOT NULL, job_id TEXT NOT NULL, arn TEXT NOT NULL, name TEXT, job_type TEXT,
    job_status TEXT, created_at TEXT, last_run_error_code TEXT, paused_at TEXT, expires_at TEXT,
    expiration_health_event_arn TEXT, bucket_selection TEXT, bucket_count INTEGER, first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL, first_seen_run TEXT NOT NULL, last_seen_run TEXT NOT NULL, missing_since TEXT, raw TEXT NOT NULL,
    PRIMARY KEY (account_id, region, job_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_buckets (
    account_id TEXT NOT NULL, region TEXT NOT NULL, job_id TEXT NOT NULL, bucket_account_id TEXT NOT NULL,
    bucket_name TEXT NOT NULL, PRIMARY KEY (account_id, region, job_id, bucket_account_id, bucket_name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_criteria (
    account_id TEXT NOT NULL, region TEXT NOT NULL, job_id TEXT NOT NULL, block TEXT NOT NULL, term INTEGER NOT NULL,
    kind TEXT NOT NULL, item INTEGER NOT NULL, comparator TEXT, key TEXT, value TEXT,
    PRIMARY KEY (account_id, region, job_id, block, term, kind, item)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_changes (
    run_id TEXT NOT NULL, account_id TEXT NOT NULL, region TEXT NOT NULL, job_id TEXT NOT NULL, change TEXT NOT NULL,
    field TEXT NOT NULL, old_value TEXT, new_value TEXT, observed_at TEXT NOT NULL,
    PRIMARY KEY (run_id, account_id, region, job_id, change, field)) WITHOUT ROWID;
"""
_TARGET = "INSERT OR REPLACE INTO targets VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_JOB = "INSERT OR REPLACE INTO jobs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_BUCKET = "INSERT OR REPLACE INTO job_buckets VALUES (?,?,?,?,?)"
_CRITERION = "INSERT OR REPLACE INTO job_criteria VALUES (?,?,?,?,?,?,?,?,?,?)"
_CHANGE = "INSERT OR REPLACE INTO job_changes VALUES (?,?,?,?,'appeared','',NULL,NULL,?)"

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_moment = datetime.fromisoformat


def _text(moment: str | None) -> str | None:
    return moment and _moment(moment).isoformat(timespec="microseconds").replace("+00:00", "Z")


class FloorStore:
    """One connection, one thread, `batch` targets to a transaction, statements prepared once by the driver."""

    def __init__(self, database: str, accounts: Sequence[str], *, batch: int = 100) -> None:
        self._connection = sqlite3.connect(database, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_TABLES)
        Path(database).chmod(0o600)
        self._now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._run = f"run-{self._now}"
        self._batch = batch
        self._waiting: list[tuple[str, str, list[msgspec.Raw], int, str]] = []
        self._seen = self._targets = self._calls = 0
        with self._connection:
            values = [self._run, self._now, None, "running", "floor", *[None] * 15]
            self._connection.execute(f"INSERT INTO runs VALUES ({','.join('?' * 20)})", values)  # noqa: S608 - placeholders
            rows = [(account, *[None] * 8, self._now, self._now) for account in accounts]
            self._connection.executemany(f"INSERT OR REPLACE INTO accounts VALUES ({','.join('?' * 11)})", rows)  # noqa: S608

    def add(self, account: str, region: str, items: list[msgspec.Raw], pages: int, started_at: str) -> None:
        """Keep a target, read in `pages` calls, for the next transaction."""
        self._waiting.append((account, region, items, pages, started_at))
        if len(self._waiting) >= self._batch:
            self.flush()

    def flush(self) -> None:
        """Write the targets that are waiting in one transaction."""
        now, run = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), self._run
        targets, jobs, changes, buckets, criteria = [], [], [], [], []
        for account, region, items, pages, started_at in self._waiting:
            targets.append(
                (
                    run,
                    account,
                    region,
                    "collected",
                    None,
                    None,
                    200,
                    None,
                    pages,
                    len(items),
                    pages,
                    0,
                    0,
                    started_at,
                    now,
                )
            )
            self._calls += pages
            for item in items:
                job = _decode(item)
                key = (account, region, job["jobId"])
                own = None
                if (definitions := job.get("bucketDefinitions")) is not None:
                    of_job = [
                        (*key, definition["accountId"], name)
                        for definition in definitions
                        for name in definition["buckets"]
                    ]
                    own = len(of_job)
                    buckets += of_job
                if criterion := job.get("bucketCriteria"):
                    criteria += _criteria(key, criterion)
                jobs.append((*key, *_columns(key, job, own), now, now, run, run, None, str(item, "utf-8")))
                changes.append((run, *key, now))
        write = self._connection.executemany
        self._connection.execute("BEGIN")
        write(_TARGET, targets)
        write(_JOB, jobs)
        write(_CHANGE, changes)
        write(_BUCKET, buckets)
        write(_CRITERION, criteria)
        self._connection.execute("COMMIT")
        self._targets += len(targets)
        self._seen += len(jobs)
        self._waiting.clear()

    def close(self) -> None:
        """Write the rest, finish the run, close the file."""
        self.flush()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        values = (now, self._targets, self._targets, self._seen, self._seen, self._calls, self._run)
        self._connection.execute(
            "UPDATE runs SET status = 'complete', finished_at = ?, targets_total = ?, targets_covered = ?, targets_failed = 0, "
            "jobs_seen = ?, jobs_appeared = ?, api_calls = ? WHERE run_id = ?",
            values,
        )
        self._connection.close()


def _columns(key: tuple[str, str, str], job: dict[str, Any], buckets: int | None) -> tuple[Any, ...]:
    account, region, job_id = key
    paused = job.get("userPausedDetails", {})
    return (
        f"arn:aws:macie2:{region}:{account}:classification-job/{job_id}",
        job.get("name"),
        job.get("jobType"),
        job.get("jobStatus"),
        _text(job.get("createdAt")),
        job.get("lastRunErrorStatus", {}).get("code"),
        _text(paused.get("jobPausedAt")),
        _text(paused.get("jobExpiresAt")),
        paused.get("jobImminentExpirationHealthEventArn"),
        "criteria" if buckets is None else "definitions",
        buckets,
    )


def _criteria(key: tuple[str, str, str], criterion: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for block, content in criterion.items():
        for term, element in enumerate(content["and"]):
            if simple := element.get("simpleCriterion"):
                comparator, name = simple["comparator"], simple["key"]
                rows += [
                    (*key, block, term, "simple", item, comparator, name, value)
                    for item, value in enumerate(simple["values"])
                ]
            if tag := element.get("tagCriterion"):
                comparator = tag["comparator"]
                rows += [
                    (*key, block, term, "tag", item, comparator, pair.get("key"), pair.get("value"))
                    for item, pair in enumerate(tag["tagValues"])
                ]
    return rows
