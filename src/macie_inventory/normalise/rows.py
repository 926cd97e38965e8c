"""What the rows of a job look like, however it is read."""

from __future__ import annotations

from typing import Any

__all__ = ["JOB_COLUMNS", "Row", "Rows", "arn", "bucket_selection"]

Row = tuple[Any, ...]

Rows = tuple[Row, list[Row], list[Row]]
"""A job's row of `jobs`, in the order of JOB_COLUMNS, and its rows of `job_buckets` and `job_criteria`."""

JOB_COLUMNS = (
    "account_id",
    "region",
    "job_id",
    "arn",
    "name",
    "job_type",
    "job_status",
    "created_at",
    "last_run_error_code",
    "paused_at",
    "expires_at",
    "expiration_health_event_arn",
    "bucket_selection",
    "bucket_count",
    "raw",
    "digest",
)
"""The values of a row of `jobs`, in this order."""


def arn(partition: str, account_id: str, region: str, job_id: str) -> str:
    """Give the ARN of a job."""
    return f"arn:{partition}:macie2:{region}:{account_id}:classification-job/{job_id}"


def bucket_selection(definitions: object, criteria: object) -> str | None:
    """Say how a job chooses its buckets, from its `bucketDefinitions` and `bucketCriteria`; it should have one of them."""
    if definitions or (definitions is not None and criteria is None):
        return "definitions"
    return "criteria" if criteria is not None else None
