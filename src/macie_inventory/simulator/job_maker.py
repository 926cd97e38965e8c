"""Realistic classification jobs: every field of the service model in all the shapes that Macie sends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_T = TypeVar("_T")

_DATA = ("cardholder", "customer", "employee", "health", "invoice", "log-archive", "marketing", "payroll", "telemetry")
_AIM = ("discovery", "full-scan", "nightly", "pii-scan", "quarterly-audit", "sample", "weekly")
_ENVIRONMENTS = ("prod", "staging", "dev", "sandbox")
_PERMISSIONS = ("PUBLIC", "NOT_PUBLIC", "UNKNOWN")
_SHARED = ("EXTERNAL", "INTERNAL", "NOT_SHARED", "UNKNOWN")
_COMPARATORS = ("EQ", "EQ", "NE")
_ONE_TIME = ("COMPLETE", "COMPLETE", "COMPLETE", "RUNNING", "CANCELLED", "PAUSED", "USER_PAUSED")
_SCHEDULED = ("IDLE", "IDLE", "IDLE", "RUNNING", "CANCELLED", "PAUSED", "USER_PAUSED")
_KINDS = ((True, False), (True, False), (True, False), (False, True), (False, True), (True, True))
_MISSING = ("", "", "", "", "", "", "", "value", "value", "key")
_HEALTH_EVENT_AFTER = 23  # days of pause, after which Macie announces the expiry
_EXPIRES_AFTER = 30


def make_jobs(
    random: Random, account_id: str, region: str, count: int, *, others: Sequence[str], now: datetime
) -> list[dict[str, object]]:
    """Return `count` jobs of an account in a region, oldest first, as JSON-ready dictionaries.

    `others` are account ids whose buckets some jobs scan; `now` is the latest moment in any job's past.
    """
    moments = sorted(int(random.random() * 400 * 86_400_000) for _ in range(count))
    start = now - timedelta(days=400)
    return [
        _make_job(random, account_id, region, start + timedelta(milliseconds=moment), others=others, now=now)
        for moment in moments
    ]


def _make_job(
    random: Random, account_id: str, region: str, created_at: datetime, *, others: Sequence[str], now: datetime
) -> dict[str, object]:
    scheduled = _happens(random, 0.4)
    status = _one(random, _SCHEDULED if scheduled else _ONE_TIME)
    data, environment = _one(random, _DATA), _one(random, _ENVIRONMENTS)
    job: dict[str, object] = {
        "jobId": f"{random.getrandbits(128):032x}",
        "name": f"{data}-{environment}-{_one(random, _AIM)}",
        "jobType": "SCHEDULED" if scheduled else "ONE_TIME",
        "jobStatus": status,
        "createdAt": timestamp(created_at),
    }
    if _happens(random, 0.6):
        job["bucketDefinitions"] = _definitions(random, account_id, region, f"{data}-{environment}", others)
    else:
        job["bucketCriteria"] = _criteria(random, account_id, f"{data}-{environment}-{region}")
    if _happens(random, 0.85):
        job["lastRunErrorStatus"] = {"code": "ERROR" if _happens(random, 0.15) else "NONE"}
    if status == "USER_PAUSED":
        job["userPausedDetails"] = _paused(random, account_id, region, created_at, now)
    return job


def _definitions(
    random: Random, account_id: str, region: str, stem: str, others: Sequence[str]
) -> list[dict[str, object]]:
    """Return one or two accounts' buckets: mostly the job owner's, sometimes (also) a foreign account's."""
    owners = [account_id] if _happens(random, 0.8) or not others else []
    if others and (not owners or _happens(random, 0.25)):
        owners.append(_one(random, others))
    return [
        {
            "accountId": owner,
            "buckets": [f"{stem}-{region}-{owner[-4:]}-{number}" for number in range(_upto(random, 4))],
        }
        for owner in dict.fromkeys(owners)
    ]


def _criteria(random: Random, account_id: str, stem: str) -> dict[str, object]:
    """Return includes, excludes or both, each with one to three conditions."""
    blocks = _one(random, (("includes",), ("includes",), ("excludes",), ("includes", "excludes")))
    return {block: {"and": [_term(random, account_id, stem) for _ in range(_upto(random, 3))]} for block in blocks}


def _term(random: Random, account_id: str, stem: str) -> dict[str, object]:
    simple, tag = _one(random, _KINDS)
    term: dict[str, object] = {}
    if simple:
        term["simpleCriterion"] = _simple(random, account_id, stem)
    if tag:
        term["tagCriterion"] = {"comparator": _one(random, _COMPARATORS), "tagValues": _tag_values(random)}
    return term


def _simple(random: Random, account_id: str, stem: str) -> dict[str, object]:
    key, values = _one(
        random,
        (
            ("ACCOUNT_ID", [account_id]),
            ("S3_BUCKET_NAME", [f"{stem}-{number}" for number in range(_upto(random, 5))]),
            ("S3_BUCKET_EFFECTIVE_PERMISSION", _some(random, _PERMISSIONS, 2)),
            ("S3_BUCKET_SHARED_ACCESS", _some(random, _SHARED, _upto(random, 3))),
        ),
    )
    return {"comparator": _one(random, _COMPARATORS), "key": key, "values": values}


def _tag_values(random: Random) -> list[dict[str, str]]:
    """Return tag pairs, some with a key only and some with a value only."""
    pairs: list[dict[str, str]] = []
    for _ in range(_upto(random, 3)):
        pair = {"key": _one(random, ("Environment", "DataClass", "Owner")), "value": _one(random, _ENVIRONMENTS)}
        missing = _one(random, _MISSING)
        if missing:
            del pair[missing]
        pairs.append(pair)
    return pairs


def _paused(random: Random, account_id: str, region: str, created_at: datetime, now: datetime) -> dict[str, object]:
    """Return the details of a pause that is at most 30 days old; older ones were announced as a health event."""
    oldest = min((now - created_at).total_seconds(), _EXPIRES_AFTER * 86_400 - 1)
    seconds = random.uniform(0, max(oldest, 1))
    paused_at = now - timedelta(seconds=seconds)
    details: dict[str, object] = {
        "jobPausedAt": timestamp(paused_at),
        "jobExpiresAt": timestamp(paused_at + timedelta(days=_EXPIRES_AFTER)),
    }
    if seconds > _HEALTH_EVENT_AFTER * 86_400:
        code = "AWS_MACIE_JOB_IMMINENT_EXPIRATION"
        event = f"arn:aws:health:{region}:{account_id}:event/MACIE/{code}/{code}_{random.getrandbits(64):016x}"
        details["jobImminentExpirationHealthEventArn"] = event
    elif _happens(random, 0.5):
        details["jobImminentExpirationHealthEventArn"] = None
    return details


def timestamp(moment: datetime) -> str:
    """Return a UTC moment in extended ISO 8601 with milliseconds, as Macie writes it."""
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"


def _happens(random: Random, probability: float) -> bool:
    return random.random() < probability


# The library's choice, randint and sample are exact, and twice as slow: large worlds are made while they are served.


def _one(random: Random, values: Sequence[_T]) -> _T:
    return values[int(random.random() * len(values))]


def _some(random: Random, values: Sequence[_T], count: int) -> list[_T]:
    first = int(random.random() * len(values))
    return [*values, *values][first : first + count]


def _upto(random: Random, most: int) -> int:
    return 1 + int(random.random() * most)
