"""Jobs of any shape: unknown enum values and fields are kept, and a value of an unexpected type becomes its JSON text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from macie_inventory.normalise.rows import arn, bucket_selection
from macie_inventory.normalise.values import integer, moment, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from macie_inventory.model import Job, Target
    from macie_inventory.normalise.rows import Row, Rows

__all__ = ["take_apart"]


def take_apart(target: Target, partition: str, job: Job) -> Rows:
    """Give one job's rows."""
    item = _item(job)
    key = (target.account_id, target.region, job.job_id)
    buckets = [(*key, *bucket) for bucket in _buckets(item)]
    criteria = [(*key, *criterion) for criterion in _criteria(item)] if "bucketCriteria" in item else []
    return _columns(key, partition, job, item, len(buckets)), buckets, criteria


def _columns(key: tuple[str, str, str], partition: str, job: Job, item: Mapping[str, Any], buckets: int) -> Row:
    account_id, region, job_id = key
    paused = _mapping(item.get("userPausedDetails"))
    selection = bucket_selection(item.get("bucketDefinitions"), item.get("bucketCriteria"))
    return (
        account_id,
        region,
        job_id,
        arn(partition, account_id, region, job_id),
        text(item.get("name")),
        text(item.get("jobType")),
        text(item.get("jobStatus")),
        moment(item.get("createdAt")),
        text(_mapping(item.get("lastRunErrorStatus")).get("code")),
        moment(paused.get("jobPausedAt")) if paused else None,
        moment(paused.get("jobExpiresAt")) if paused else None,
        text(paused.get("jobImminentExpirationHealthEventArn")) if paused else None,
        selection,
        buckets if selection == "definitions" else None,
        job.raw,
        job.digest,
    )


def _buckets(item: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Give (bucket_account_id, bucket_name) for each bucket of `bucketDefinitions`, each pair once."""
    pairs: dict[tuple[str, str], None] = {}
    for definition in _sequence(item.get("bucketDefinitions")):
        account_id = text(_mapping(definition).get("accountId")) or ""
        for bucket in _sequence(_mapping(definition).get("buckets")):
            pairs[account_id, text(bucket) or ""] = None
    return pairs


def _criteria(item: Mapping[str, Any]) -> Iterator[tuple[str, int, str, int, str | None, str | None, str | None]]:
    """Yield (block, term, kind, item, comparator, key, value) for each value of `bucketCriteria`.

    A criterion without values still yields one row, item 0, so that nothing the job says is lost.
    """
    blocks = _mapping(item.get("bucketCriteria"))
    for block in ("includes", "excludes"):
        for term, element in enumerate(_sequence(_mapping(blocks.get(block)).get("and"))):
            simple = _mapping(element).get("simpleCriterion")
            if isinstance(simple, dict):
                comparator, key = text(simple.get("comparator")), text(simple.get("key"))
                for position, value in enumerate(_sequence(simple.get("values")) or [None]):
                    yield block, term, "simple", position, comparator, key, text(value)
            tag = _mapping(element).get("tagCriterion")
            if isinstance(tag, dict):
                comparator = text(tag.get("comparator"))
                for position, pair in enumerate(_sequence(tag.get("tagValues")) or [None]):
                    key, value = _mapping(pair).get("key"), _mapping(pair).get("value")
                    yield block, term, "tag", position, comparator, text(key), text(value)


def _item(job: Job) -> Mapping[str, Any]:
    try:
        item = msgspec.json.decode(job.raw)
    except msgspec.MsgspecError:
        item = json.loads(job.raw, parse_int=integer)
    except RecursionError:  # nested more deeply than Python follows; `raw` keeps it
        item = None
    return _mapping(item)


def _mapping(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever AWS sent
    return value if isinstance(value, dict) else {}


def _sequence(value: Any) -> list[Any]:  # noqa: ANN401 - whatever AWS sent
    return value if isinstance(value, list) else []
