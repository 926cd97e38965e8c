"""Jobs whose fields have the documented types, which is a third cheaper to read than jobs of any shape.

Source: https://docs.aws.amazon.com/macie/latest/APIReference/jobs-list.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from macie_inventory.normalise.rows import arn, bucket_selection
from macie_inventory.normalise.values import moment

if TYPE_CHECKING:
    from macie_inventory.model import Job, Target
    from macie_inventory.normalise.rows import Row, Rows

__all__ = ["take_apart"]

_Key = tuple[str, str, str]


class _Struct(msgspec.Struct, gc=False, rename="camel"):
    """A part of a job; what it has beyond the columns is kept in `raw` only."""


class _LastRunErrorStatus(_Struct):
    code: str | None = None


class _UserPausedDetails(_Struct):
    job_paused_at: str | None = None
    job_expires_at: str | None = None
    job_imminent_expiration_health_event_arn: str | None = None


class _BucketDefinition(_Struct):
    account_id: str | None = None
    buckets: list[str | None] | None = None


class _SimpleCriterion(_Struct):
    comparator: str | None = None
    key: str | None = None
    values: list[str | None] | None = None


class _TagPair(_Struct):
    key: str | None = None
    value: str | None = None


class _TagCriterion(_Struct):
    comparator: str | None = None
    tag_values: list[_TagPair] | None = None


class _Criterion(_Struct):
    simple_criterion: _SimpleCriterion | None = None
    tag_criterion: _TagCriterion | None = None


class _CriteriaBlock(_Struct):
    and_: list[_Criterion] | None = msgspec.field(default=None, name="and")


class _BucketCriteria(_Struct):
    includes: _CriteriaBlock | None = None
    excludes: _CriteriaBlock | None = None


class _JobSummary(_Struct):
    name: str | None = None
    job_type: str | None = None
    job_status: str | None = None
    created_at: str | None = None
    last_run_error_status: _LastRunErrorStatus | None = None
    user_paused_details: _UserPausedDetails | None = None
    bucket_definitions: list[_BucketDefinition] | None = None
    bucket_criteria: _BucketCriteria | None = None


_NO_VALUE: list[str | None] = [None]
_NO_PAIR = [_TagPair()]

_decode = msgspec.json.Decoder(_JobSummary).decode


def take_apart(target: Target, partition: str, job: Job) -> Rows | None:
    """Give one job's rows, or None when a field has another type than documented, or needs cleaning."""
    if "\\" in job.raw and "\\u" in job.raw:  # an escape may stand for what no database can hold
        return None
    try:
        item = _decode(job.raw)
    except (msgspec.MsgspecError, RecursionError):
        return None
    account_id, region, job_id = key = (target.account_id, target.region, job.job_id)
    definitions, criteria = item.bucket_definitions, item.bucket_criteria
    buckets = _bucket_rows(key, definitions) if definitions else []
    selection = bucket_selection(definitions, criteria)
    error, paused = item.last_run_error_status, item.user_paused_details
    row = (
        account_id,
        region,
        job_id,
        arn(partition, account_id, region, job_id),
        item.name,
        item.job_type,
        item.job_status,
        moment(item.created_at),
        error.code if error is not None else None,
        moment(paused.job_paused_at) if paused is not None else None,
        moment(paused.job_expires_at) if paused is not None else None,
        paused.job_imminent_expiration_health_event_arn if paused is not None else None,
        selection,
        len(buckets) if selection == "definitions" else None,
        job.raw,
        job.digest,
    )
    return row, buckets, _criterion_rows(key, criteria) if criteria is not None else []


# A tuple that is written out is made in one step; `(*key, …)` takes three.


def _bucket_rows(key: _Key, definitions: list[_BucketDefinition]) -> list[Row]:
    account_id, region, job_id = key
    rows: list[Row] = [
        (account_id, region, job_id, definition.account_id or "", name or "")
        for definition in definitions
        for name in definition.buckets or ()
    ]
    return list(dict.fromkeys(rows)) if len(rows) > 1 else rows


def _criterion_rows(key: _Key, criteria: _BucketCriteria) -> list[Row]:
    account_id, region, job_id = key
    rows: list[Row] = []
    for block, terms in (("includes", criteria.includes), ("excludes", criteria.excludes)):
        for term, criterion in enumerate((terms and terms.and_) or ()):
            if (simple := criterion.simple_criterion) is not None:
                comparator, name = simple.comparator, simple.key
                rows += [
                    (account_id, region, job_id, block, term, "simple", place, comparator, name, value)
                    for place, value in enumerate(simple.values or _NO_VALUE)
                ]
            if (tag := criterion.tag_criterion) is not None:
                comparator = tag.comparator
                rows += [
                    (account_id, region, job_id, block, term, "tag", place, comparator, pair.key, pair.value)
                    for place, pair in enumerate(tag.tag_values or _NO_PAIR)
                ]
    return rows
