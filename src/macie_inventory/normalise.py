"""From a page as received to values that SQL can hold; pure.

`read_page` splits the body of a ListClassificationJobs response into jobs without taking them apart; `job_row`,
`bucket_rows` and `criterion_rows` do that for the jobs that are new or changed. Nothing that AWS may send makes them
fail: unknown enum values and fields are kept, a value of an unexpected type becomes its JSON text, and what a
database cannot hold (NUL, a lone surrogate) becomes U+FFFD.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from macie_inventory.model import Job, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from typing_extensions import Buffer

    from macie_inventory.model import Target

__all__ = [
    "JOB_COLUMNS",
    "NotAListingError",
    "Row",
    "bucket_rows",
    "criterion_rows",
    "job_row",
    "read_page",
    "storable_json",
    "storable_text",
    "take_apart",
]

Row = tuple[Any, ...]

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
"""What `job_row` gives, in this order."""

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPECT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})")
_ESCAPE = re.compile(r"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|.)")
_MOST_DIGITS = 4000
_USUAL_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{3}|\d{6}))?Z", re.ASCII)
_FRACTION = re.compile(r"\.(\d+)")


class NotAListingError(ValueError):
    """A successful response whose body is no page of jobs: not JSON, no `items`, or an item without `jobId`.

    `jobs` are those that could be read all the same.
    """

    def __init__(self, message: str, jobs: Sequence[Job] = ()) -> None:
        super().__init__(message)
        self.jobs = tuple(jobs)


class _Page(msgspec.Struct):
    items: list[msgspec.Raw]
    next_token: str | None = msgspec.field(default=None, name="nextToken")


class _Key(msgspec.Struct):
    job_id: str = msgspec.field(name="jobId")


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_key = msgspec.json.Decoder(_Key).decode


def read_page(body: bytes) -> tuple[list[Job], str | None]:
    """Split the body of a response into its jobs and the token of the next page (None on the last).

    Source: https://docs.aws.amazon.com/macie/latest/APIReference/jobs-list.html
    Raises NotAListingError when the body is no listing, so that a proxy's page never passes for an empty one.
    """
    try:
        page = _decode_page(body)
        jobs = [_job(_decode_key(item).job_id, str(item, "utf-8"), item) for item in page.items]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_odd_page(body)
    return jobs, page.next_token or None


def _job(job_id: str, raw: str, encoded: Buffer) -> Job:
    if not job_id.isascii() or "\x00" in job_id:
        job_id = storable_text(job_id)
    return Job(job_id, raw, blake2b(encoded, digest_size=16, usedforsecurity=False).hexdigest())


def _read_odd_page(body: bytes) -> tuple[list[Job], str | None]:
    """Read what the strict parser refuses but JSON as commonly read allows, or say what is wrong with it."""
    try:
        page = json.loads(body, parse_constant=_refuse_constant, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise NotAListingError("the body is not JSON") from error
    items = page.get("items") if isinstance(page, dict) else None
    if not isinstance(items, list):
        raise NotAListingError("the body has no list of items")
    keyed = [item for item in items if isinstance(item, dict) and isinstance(item.get("jobId"), str)]
    raws = [json.dumps(item, separators=(",", ":")) for item in keyed]
    jobs = [_job(item["jobId"], raw, raw.encode()) for item, raw in zip(keyed, raws, strict=True)]
    if len(jobs) < len(items):
        raise NotAListingError("an item has no jobId", jobs)
    token = page.get("nextToken")
    if token is not None and not isinstance(token, str):
        raise NotAListingError("the nextToken is no text", jobs)
    return jobs, token or None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def take_apart(target: Target, partition: str, job: Job) -> tuple[Row, list[Row], list[Row]]:
    """Give one job's rows of `jobs` (in the order of JOB_COLUMNS), `job_buckets` and `job_criteria`."""
    item = _item(job)
    key = (target.account_id, target.region, job.job_id)
    buckets = [(*key, *bucket) for bucket in _buckets(item)]
    criteria = [(*key, *criterion) for criterion in _criteria(item)] if "bucketCriteria" in item else []
    return _columns(key, partition, job, item, len(buckets)), buckets, criteria


def job_row(target: Target, partition: str, job: Job) -> Row:
    """Give one job's values in the order of JOB_COLUMNS."""
    return take_apart(target, partition, job)[0]


def bucket_rows(job: Job) -> Iterator[tuple[str, str]]:
    """Yield (bucket_account_id, bucket_name) for each bucket of `bucketDefinitions`, each pair once."""
    yield from _buckets(_item(job))


def criterion_rows(job: Job) -> Iterator[tuple[str, int, str, int, str | None, str | None, str | None]]:
    """Yield (block, term, kind, item, comparator, key, value) for each value of `bucketCriteria`.

    A criterion without values still yields one row, item 0, so that nothing the job says is lost.
    """
    yield from _criteria(_item(job))


def _columns(key: tuple[str, str, str], partition: str, job: Job, item: Mapping[str, Any], buckets: int) -> Row:
    account_id, region, job_id = key
    paused = _mapping(item.get("userPausedDetails"))
    definitions, criteria = item.get("bucketDefinitions"), item.get("bucketCriteria")
    selection = None
    if definitions or (definitions is not None and criteria is None):
        selection = "definitions"
    elif criteria is not None:
        selection = "criteria"
    return (
        account_id,
        region,
        job_id,
        f"arn:{partition}:macie2:{region}:{account_id}:classification-job/{job_id}",
        _text(item.get("name")),
        _text(item.get("jobType")),
        _text(item.get("jobStatus")),
        _moment(item.get("createdAt")),
        _text(_mapping(item.get("lastRunErrorStatus")).get("code")),
        _moment(paused.get("jobPausedAt")) if paused else None,
        _moment(paused.get("jobExpiresAt")) if paused else None,
        _text(paused.get("jobImminentExpirationHealthEventArn")) if paused else None,
        selection,
        buckets if selection == "definitions" else None,
        job.raw,
        job.digest,
    )


def _buckets(item: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    pairs: dict[tuple[str, str], None] = {}
    for definition in _sequence(item.get("bucketDefinitions")):
        account_id = _text(_mapping(definition).get("accountId")) or ""
        for bucket in _sequence(_mapping(definition).get("buckets")):
            pairs[account_id, _text(bucket) or ""] = None
    return pairs


def _criteria(item: Mapping[str, Any]) -> Iterator[tuple[str, int, str, int, str | None, str | None, str | None]]:
    blocks = _mapping(item.get("bucketCriteria"))
    for block in ("includes", "excludes"):
        for term, element in enumerate(_sequence(_mapping(blocks.get(block)).get("and"))):
            simple = _mapping(element).get("simpleCriterion")
            if isinstance(simple, dict):
                comparator, key = _text(simple.get("comparator")), _text(simple.get("key"))
                for position, value in enumerate(_sequence(simple.get("values")) or [None]):
                    yield block, term, "simple", position, comparator, key, _text(value)
            tag = _mapping(element).get("tagCriterion")
            if isinstance(tag, dict):
                comparator = _text(tag.get("comparator"))
                for position, pair in enumerate(_sequence(tag.get("tagValues")) or [None]):
                    key, value = _mapping(pair).get("key"), _mapping(pair).get("value")
                    yield block, term, "tag", position, comparator, _text(key), _text(value)


def storable_text(text: str) -> str:
    """Replace what no database text can hold, NUL and lone surrogates, by U+FFFD."""
    return _NOT_STORABLE.sub("\ufffd", text)


def storable_json(raw: str) -> str:
    """Give JSON text that PostgreSQL's jsonb accepts: `storable_text` of every text in it.

    Text without suspicious escapes comes back as it is.
    """
    if not _SUSPECT_ESCAPE.search(raw):
        return raw
    # Escape by escape instead of parsing: numbers, order and repeated keys stay as they are.
    return _ESCAPE.sub(_storable_escape, raw)


def _storable_escape(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape[2] and _SUSPECT_ESCAPE.match(escape[0]) else escape[0]


def _item(job: Job) -> Mapping[str, Any]:
    try:
        item = msgspec.json.decode(job.raw)
    except msgspec.MsgspecError:
        item = json.loads(job.raw, parse_int=_integer)
    except RecursionError:  # nested more deeply than Python follows; `raw` keeps it
        item = None
    return _mapping(item)


def _integer(digits: str) -> int | str:
    """Read an integer; one too long for Python's own conversion stays text."""
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _mapping(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever AWS sent
    return value if isinstance(value, dict) else {}


def _sequence(value: Any) -> list[Any]:  # noqa: ANN401 - whatever AWS sent
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:  # noqa: ANN401 - whatever AWS sent
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.isascii() and "\x00" not in value else storable_text(value)
    try:
        return storable_text(json.dumps(value, ensure_ascii=False))
    except RecursionError:  # nested more deeply than Python follows; `raw` keeps it
        return None


def _moment(value: Any) -> str | None:  # noqa: ANN401 - whatever AWS sent
    """Read ISO 8601 text or seconds since 1970 into UTC text; None when it is neither or outside years 1 to 9999."""
    if value is None:
        return None
    try:
        if isinstance(value, str) and (usual := _USUAL_MOMENT.fullmatch(value)):
            datetime.fromisoformat(value)  # raises for a day that does not exist
            return f"{usual[1]}.{(usual[2] or '').ljust(6, '0')}Z"
        if isinstance(value, str) and not value.replace(".", "", 1).lstrip("-").isdigit():
            moment = datetime.fromisoformat(_FRACTION.sub(_microseconds, value.strip(), count=1))
            return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return timestamp(datetime.fromtimestamp(float(value), UTC))
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _microseconds(fraction: re.Match[str]) -> str:
    return "." + fraction.group(1)[:6].ljust(6, "0")
