"""Filtering and sorting of jobs as `ListClassificationJobs` defines them.

Conditions of `includes` are joined by AND; a job that meets any condition of `excludes` is left out. Several values
of a condition are joined by OR (NE: the value is none of them). `createdAt` is compared as a moment, the other keys
as text.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial

from macie_inventory.simulator.api import ApiError
from macie_inventory.simulator.jobs import Job


class Key(StrEnum):
    """The properties by which jobs can be filtered and sorted."""

    JOB_TYPE = "jobType"
    JOB_STATUS = "jobStatus"
    CREATED_AT = "createdAt"
    NAME = "name"


Comparable = str | float
Test = Callable[[Job], bool]

_COMPARATORS: dict[str, Callable[[Comparable, Comparable], bool]] = {
    "EQ": operator.eq,
    "NE": operator.ne,
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
    "CONTAINS": lambda value, part: str(part) in str(value),
    "STARTS_WITH": lambda value, start: str(value).startswith(str(start)),
}
_TEXTUAL = frozenset({"CONTAINS", "STARTS_WITH"})


def select(jobs: Sequence[Job], filter_criteria: object, sort_criteria: object) -> Sequence[Job]:
    """Return the jobs that a query asks for, in its order; ApiError (ValidationException) for a malformed query."""
    includes, excludes = _tests(filter_criteria, "includes"), _tests(filter_criteria, "excludes")
    if includes or excludes:
        jobs = [job for job in jobs if all(test(job) for test in includes) and not any(test(job) for test in excludes)]
    if sort_criteria is None:
        return jobs
    criteria = _object(sort_criteria, "sortCriteria")
    key = _member(Key, criteria.get("attributeName", Key.CREATED_AT), "attributeName")
    order = criteria.get("orderBy", "ASC")
    if order not in {"ASC", "DESC"}:
        raise invalid(f"orderBy {order!r} is not one of ASC, DESC")
    return sorted(jobs, key=partial(_value, key=key), reverse=order == "DESC")


def invalid(message: str) -> ApiError:
    """Return Macie's error for a request that makes no sense."""
    return ApiError(400, "ValidationException", f"The request failed because it contains a syntax error: {message}")


def _tests(filter_criteria: object, block: str) -> list[Test]:
    if filter_criteria is None:
        return []
    conditions = _object(filter_criteria, "filterCriteria").get(block)
    if conditions is None:
        return []
    if not isinstance(conditions, list):
        raise invalid(f"{block} is not a list")
    return [_test(_object(condition, block)) for condition in conditions]


def _test(condition: Mapping[str, object]) -> Test:
    key = _member(Key, condition.get("key"), "key")
    name = condition.get("comparator")
    if not isinstance(name, str) or name not in _COMPARATORS:
        raise invalid(f"comparator {name!r} is not one of {', '.join(_COMPARATORS)}")
    texts = condition.get("values")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise invalid(f"values of {key} is not a list of strings with at least one string")
    compare = _COMPARATORS[name]
    if name in _TEXTUAL:
        return lambda job: any(compare(str(job.get(key, "")), text) for text in texts)
    values = [_moment(text) if key is Key.CREATED_AT else text for text in texts]
    join = all if name == "NE" else any
    return lambda job: join(compare(_value(job, key=key), value) for value in values)


def _value(job: Job, *, key: Key) -> Comparable:
    text = str(job.get(key, ""))
    if key is not Key.CREATED_AT:
        return text
    try:
        return _moment(text)
    except ApiError:
        return float("-inf")  # a job with an odd date is listed, first


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{text!r} is not a date and time in extended ISO 8601 format") from None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - epoch).total_seconds()


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise invalid(f"{name} is not an object")
    return value


def _member(kind: type[Key], value: object, name: str) -> Key:
    try:
        return kind(str(value))
    except ValueError:
        raise invalid(f"{name} {value!r} is not one of {', '.join(kind)}") from None
