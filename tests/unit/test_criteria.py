"""Filters, sorting and page size: from texts to `filterCriteria` and `sortCriteria`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macie_inventory.criteria import COMPARATORS, KEYS, listing_request, parse_criterion, parse_sort
from macie_inventory.errors import UsageError


@pytest.mark.parametrize("comparator", COMPARATORS)
@pytest.mark.parametrize("key", KEYS)
def test_every_key_goes_with_every_comparator(key: str, comparator: str) -> None:
    """The four keys and the eight comparators of the API are accepted, in AWS's spelling and any other case."""
    expected = {"key": key, "comparator": comparator, "values": ["a", "b"]}
    assert parse_criterion(f"{key} {comparator} a,b") == expected
    assert parse_criterion(f"  {key.upper()}   {comparator.lower()}  a , b ") == expected


def test_keys_and_comparators_are_those_of_the_model() -> None:
    """The request's model of the SDK knows the same words."""
    import botocore.session  # noqa: PLC0415 - slow, and for this test only

    model = botocore.session.get_session().get_service_model("macie2")
    assert sorted(COMPARATORS) == sorted(model.shape_for("JobComparator").enum)
    assert sorted(KEYS) == sorted(model.shape_for("ListJobsFilterKey").enum)
    assert sorted(KEYS) == sorted(model.shape_for("ListJobsSortAttributeName").enum)


@given(st.lists(st.text("abc ,;=äö%/.-", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5))
def test_values_survive_quoting(values: list[str]) -> None:
    """A value in double quotes may hold commas and blanks."""
    text = ",".join(f'"{value}"' for value in values)
    assert parse_criterion(f"name EQ {text}")["values"] == values


def test_a_value_may_hold_blanks() -> None:
    """Only the first two blanks separate."""
    assert parse_criterion("name CONTAINS monthly scan of logs")["values"] == ["monthly scan of logs"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is no filter: write KEY COMPARATOR VALUE"),
        ("name", "is no filter"),
        ("name EQ", "is no filter"),
        ("name EQ ,", "has an empty value"),
        ("name EQ a,,b", "has an empty value"),
        ('name EQ ""', "has an empty value"),
        ("name IS a", "unknown comparator 'IS'; choose from EQ, GT"),
        ("name START_WITH a", "unknown comparator 'START_WITH'; did you mean STARTS_WITH?"),
        ("status EQ a", "unknown key 'status'; did you mean jobStatus?"),
        ("jobStats EQ a", "did you mean jobStatus?"),
        ("bucket EQ a", "unknown key 'bucket'; choose from jobType, jobStatus, createdAt, name"),
        ("name=a", "is no filter"),
    ],
)
@pytest.mark.parametrize("option", ["--include", "--exclude"])
def test_malformed_filters_are_named(text: str, part: str, option: str) -> None:
    """One line names the option, quotes the text and says what would be right."""
    with pytest.raises(UsageError) as caught:
        parse_criterion(text, option=option)
    message = str(caught.value)
    assert message.startswith(f"{option} {text!r}")
    assert part in message
    assert "\n" not in message


@given(st.text() | st.text().map("name EQ {}".format) | st.text('",\r\n\x00 a').map("name EQ {}".format))
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    """No text makes the parser fail in another way, and what it accepts is complete."""
    try:
        criterion = parse_criterion(text)
    except UsageError as error:
        problem = str(error)
        criterion = None
    if criterion is None:
        assert len(problem.splitlines()) == 1
        return
    assert criterion["key"] in KEYS
    assert criterion["comparator"] in COMPARATORS
    assert all(criterion["values"])


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("attribute", KEYS)
def test_every_attribute_sorts_both_ways(attribute: str, order: str) -> None:
    """All attributes go with both orders, in any case; ascending is the default."""
    assert parse_sort(f"{attribute} {order}") == {"attributeName": attribute, "orderBy": order}
    assert parse_sort(f" {attribute.lower()}  {order.lower()} ") == {"attributeName": attribute, "orderBy": order}
    assert parse_sort(attribute)["orderBy"] == "ASC"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is no order: write ATTRIBUTE ASC"),
        ("name ASC DESC", "is no order"),
        ("created ASC", "unknown attribute 'created'; did you mean createdAt?"),
        ("name UP", "unknown order 'UP'; choose from ASC, DESC"),
        ("name DSC", "did you mean DESC?"),
    ],
)
def test_malformed_orders_are_named(text: str, part: str) -> None:
    """One line quotes the order and says what would be right."""
    with pytest.raises(UsageError) as caught:
        parse_sort(text)
    assert str(caught.value).startswith(f"--sort {text!r}")
    assert part in str(caught.value)


def test_a_request_has_what_the_api_takes() -> None:
    """Filters stand in their blocks, next to the page's size and the order."""
    request = listing_request(["jobStatus EQ RUNNING,PAUSED", "name NE x"], ["jobType EQ ONE_TIME"], "name DESC", 50)
    assert request.filtered
    assert request.parameters == {
        "maxResults": 50,
        "sortCriteria": {"attributeName": "name", "orderBy": "DESC"},
        "filterCriteria": {
            "includes": [
                {"key": "jobStatus", "comparator": "EQ", "values": ["RUNNING", "PAUSED"]},
                {"key": "name", "comparator": "NE", "values": ["x"]},
            ],
            "excludes": [{"key": "jobType", "comparator": "EQ", "values": ["ONE_TIME"]}],
        },
    }


def test_a_request_without_filters_sends_none() -> None:
    """An empty block would be refused, so there is none; such a run may mark jobs missing."""
    request = listing_request([], [], "createdAt", 200)
    assert not request.filtered
    assert request.filter_criteria is None
    assert "filterCriteria" not in request.parameters
    assert set(listing_request([], ["name EQ a"], "name", 1).filter_criteria or {}) == {"excludes"}
