"""From the body of a response to its jobs, without taking them apart; pure."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from macie_inventory.model import Job
from macie_inventory.normalise.values import integer, storable_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

__all__ = ["NotAListingError", "read_page"]


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
        page = json.loads(body, parse_constant=_refuse_constant, parse_int=integer)
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
