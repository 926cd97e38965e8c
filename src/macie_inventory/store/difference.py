"""What changed from one observation of a job to the next, field by field; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from macie_inventory.model import Job
from macie_inventory.normalise import JOB_COLUMNS, integer, storable_json, take_apart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from macie_inventory.model import Target

__all__ = ["OBSERVABLE_COLUMNS", "differences"]

OBSERVABLE_COLUMNS = tuple(
    name for name in JOB_COLUMNS if name not in ("account_id", "region", "job_id", "arn", "raw", "digest")
)
"""The columns of `jobs` whose change is recorded under their own name."""

_SCALARS = {"name": "name", "jobType": "job_type", "jobStatus": "job_status", "createdAt": "created_at"}
_OBJECTS = {
    "lastRunErrorStatus": {"code": "last_run_error_code"},
    "userPausedDetails": {
        "jobPausedAt": "paused_at",
        "jobExpiresAt": "expires_at",
        "jobImminentExpirationHealthEventArn": "expiration_health_event_arn",
    },
}
_WHOLE = {"bucketDefinitions": "bucket_definitions", "bucketCriteria": "bucket_criteria"}
_LONGEST_FIELD = 200

_ABSENT = object()


def differences(target: Target, partition: str, old_raw: str, job: Job) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield (field, old value, new value) for every observable difference; values are JSON text, None where absent.

    A field is a column of `jobs`, `bucket_definitions`, `bucket_criteria`, or the name under which AWS sent something
    that no column holds: an unknown member, or the unknown rest of a known one. Key order is no difference.
    """
    old_fields = _fields(target, partition, Job(job.job_id, old_raw, ""))
    new_fields = _fields(target, partition, job)
    for field in dict.fromkeys((*old_fields, *new_fields)):
        old, new = old_fields.get(field, _ABSENT), new_fields.get(field, _ABSENT)
        if (before := _text(old)) != (after := _text(new)):
            yield field, before, after


def _fields(target: Target, partition: str, job: Job) -> dict[str, Any]:
    raw = storable_json(job.raw)
    row, _, _ = take_apart(target, partition, Job(job.job_id, raw, ""))
    columns = dict(zip(JOB_COLUMNS, row, strict=True))
    fields = {name: columns[name] for name in OBSERVABLE_COLUMNS if columns[name] is not None}
    for name, value in _members(raw).items():
        if name in _WHOLE:
            fields[_WHOLE[name]] = value
        elif name != "jobId":
            rest = _unheld(name, value, columns)
            if rest is not _ABSENT:
                fields.setdefault(name[:_LONGEST_FIELD], rest)
    return fields


def _members(raw: str) -> dict[str, Any]:
    """Read the members of an item; what Python cannot follow (nesting) or count (long numbers) is no difference."""
    try:
        members = json.loads(raw, parse_int=integer)
    except RecursionError:
        return {}
    return members if isinstance(members, dict) else {}


def _unheld(name: str, value: Any, columns: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Give what of a member no column holds."""
    if name in _SCALARS:
        return _ABSENT if value is None or columns[_SCALARS[name]] is not None else value
    if name not in _OBJECTS:
        return value
    if not isinstance(value, dict):
        return value
    held = {member for member, column in _OBJECTS[name].items() if value.get(member) is None or columns[column]}
    rest = {member: content for member, content in value.items() if member not in held}
    return rest or _ABSENT


def _text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    if value is _ABSENT:
        return None
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except RecursionError:
        return None
