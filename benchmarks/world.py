"""The organization that every benchmark reads: which accounts and regions there are, and the pages of jobs they answer.

A page is serialised once; what differs by account and region stands in it as a placeholder of the same width as
its value, so that answering costs two `bytes.replace` and no JSON.
"""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha1
from typing import Any

__all__ = ["MANAGEMENT_ACCOUNT", "REGIONS", "account_id", "job_page", "personal_page", "region_code"]

REGIONS = (
    "us-east-1",
    "us-west-2",
    "eu-central-1",
    "eu-west-1",
    "ap-southeast-2",
    "af-south-1",
    "ap-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ca-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-south-1",
    "sa-east-1",
    "us-east-2",
    "us-west-1",
)
"""The 22 regions that have Macie."""

MANAGEMENT_ACCOUNT = "999999999999"
"""The account whose credentials run the contestants; no job is looked for in it."""

_ACCOUNT = "~~ACCOUNT~~~"
_REGION = "~~~REGION~~~"
_TOKEN_FILL = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo" * 4
_STATUSES = (
    "COMPLETE",
    "IDLE",
    "RUNNING",
    "COMPLETE",
    "USER_PAUSED",
    "IDLE",
    "CANCELLED",
    "COMPLETE",
    "IDLE",
    "PAUSED",
)


def account_id(number: int) -> str:
    """Name the account of this 0-based number, 12 digits."""
    return f"{100_000_000_000 + number}"


@cache
def region_code(region: str) -> bytes:
    """Give the 12 hexadecimal characters that stand for a region in the ids of its jobs."""
    return sha1(region.encode(), usedforsecurity=False).hexdigest()[:12].encode()


def job_page(offset: int, size: int, total: int) -> bytes:
    """Serialise jobs `offset` to `offset + size` of a listing of `total`, with the token of the next page if there is one."""
    last = min(offset + size, total)
    page: dict[str, Any] = {"items": [_job(number) for number in range(offset, last)]}
    if last < total:
        page["nextToken"] = f"{last:08d}-{_TOKEN_FILL}"
    return json.dumps(page, separators=(",", ":")).encode()


def personal_page(page: bytes, account: bytes, region: str) -> bytes:
    """Make a page of `job_page` that of one account (12 bytes) and region; its length stays the same."""
    return page.replace(_ACCOUNT.encode(), account).replace(_REGION.encode(), region_code(region))


def _job(number: int) -> dict[str, Any]:
    """Give one job as ListClassificationJobs would: six of ten name their buckets, four describe them."""
    status = _STATUSES[number % len(_STATUSES)]
    job: dict[str, Any] = {
        "createdAt": f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}T{number % 24:02d}:17:{number % 60:02d}.{number % 1000:03d}Z",
        "jobId": f"{number:08x}{_ACCOUNT}{_REGION}",
        "jobStatus": status,
        "jobType": "ONE_TIME" if number % 3 == 0 else "SCHEDULED",
        "lastRunErrorStatus": {"code": "ERROR" if number % 7 == 3 else "NONE"},  # noqa: PLR2004 - every seventh
        "name": f"sensitive-data-{_ACCOUNT}-{number:05d}",
    }
    if number % 5 in {1, 3}:
        job["bucketCriteria"] = _criteria(number)
    else:
        job["bucketDefinitions"] = _definitions(number)
    if status == "USER_PAUSED":
        job["userPausedDetails"] = {
            "jobExpiresAt": "2026-12-01T08:00:00.000Z",
            "jobImminentExpirationHealthEventArn": f"arn:aws:health:us-east-1::event/MACIE/JOB_EXPIRING/{_ACCOUNT}-{number}",
            "jobPausedAt": "2026-11-01T08:00:00.000Z",
        }
    return job


def _definitions(number: int) -> list[dict[str, Any]]:
    own = [f"data-{_ACCOUNT}-{number}-{index}" for index in range(1 + number % 3)]
    definitions = [{"accountId": _ACCOUNT, "buckets": own}]
    if number % 10 == 0:
        definitions.append({"accountId": MANAGEMENT_ACCOUNT, "buckets": [f"shared-logs-{number}"]})
    return definitions


def _criteria(number: int) -> dict[str, Any]:
    name = {"comparator": "STARTS_WITH", "key": "S3_BUCKET_NAME", "values": [f"data-{number}-", f"logs-{number}-"]}
    tag = {"comparator": "EQ", "tagValues": [{"key": "classification", "value": "confidential"}]}
    shared = {"comparator": "EQ", "key": "S3_BUCKET_SHARED_ACCESS", "values": ["EXTERNAL"]}
    return {
        "includes": {"and": [{"simpleCriterion": name}, {"tagCriterion": tag}]},
        "excludes": {"and": [{"simpleCriterion": shared}]},
    }
