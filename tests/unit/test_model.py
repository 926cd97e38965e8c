"""The values of the stages: moments, outcomes, counts."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macie_inventory.model import COVERED, JobCounts, Outcome, Target, parse_timestamp, timestamp

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001 - the zone is drawn
counts = st.builds(
    JobCounts,
    seen=st.integers(0),
    appeared=st.integers(0),
    updated=st.integers(0),
    disappeared=st.integers(0),
    reappeared=st.integers(0),
)


@given(moments)
def test_a_moment_survives_its_text(moment: datetime) -> None:
    """What `timestamp` writes, `parse_timestamp` reads: the same moment, in UTC."""
    read = parse_timestamp(timestamp(moment))
    assert read == moment
    assert read.tzinfo is UTC


@given(moments, moments)
def test_moments_sort_as_text(first: datetime, second: datetime) -> None:
    """Texts of moments have one width and sort as the moments do."""
    assert len(timestamp(first)) == len("2026-11-01T09:30:00.000000Z")
    assert (timestamp(first) < timestamp(second)) == (first < second)


def test_three_outcomes_are_covered() -> None:
    """Collected and the two kinds of disabled are certain; nothing else is."""
    covered = {outcome for outcome in Outcome if outcome.covered}
    assert covered == {Outcome.COLLECTED, Outcome.MACIE_DISABLED, Outcome.REGION_DISABLED} == COVERED


def test_outcomes_are_those_of_the_sql_contract() -> None:
    """The names are fixed: people's queries hold them."""
    assert [outcome.value for outcome in Outcome] == [
        "collected",
        "macie_disabled",
        "region_disabled",
        "access_denied",
        "role_denied",
        "region_unreachable",
        "throttled",
        "credentials_expired",
        "listing_incomplete",
        "failed",
        "not_attempted",
    ]


@given(counts, counts)
def test_counts_add_field_by_field(first: JobCounts, second: JobCounts) -> None:
    """No count is forgotten in a sum."""
    total = first + second
    for field in fields(JobCounts):
        assert getattr(total, field.name) == getattr(first, field.name) + getattr(second, field.name)


def test_values_do_not_change() -> None:
    """A target can be a key: nobody can alter it."""
    target = Target("123456789012", "eu-west-1")
    with pytest.raises(AttributeError):
        target.region = "us-east-1"  # type: ignore[misc]
