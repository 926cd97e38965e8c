"""From a page as received to rows: anything that is JSON survives, nothing else passes for a listing."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from macie_inventory.model import Job, Target
from macie_inventory.normalise import (
    JOB_COLUMNS,
    NotAListingError,
    anything,
    documented,
    read_page,
    storable_json,
    storable_text,
    take_apart,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = Target("123456789012", "eu-west-1")

# Every character that a JSON text can name: NUL and lone surrogates too, which no database text can hold.
texts = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(
    ["", "\x00", "a\x00b", "\ud800", "x\udc00y", "😀", "'; DROP TABLE jobs; --", '"', "\\u0000", "\\", "é" * 5000]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)


def _odd(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give mostly what the model says, and sometimes anything."""
    return st.one_of(usual, usual, usual, values)


criterion = st.fixed_dictionaries(
    {},
    optional={
        "simpleCriterion": _odd(
            st.fixed_dictionaries(
                {}, optional={"comparator": _odd(texts), "key": _odd(texts), "values": _odd(st.lists(texts))}
            )
        ),
        "tagCriterion": _odd(
            st.fixed_dictionaries(
                {},
                optional={
                    "comparator": _odd(texts),
                    "tagValues": _odd(
                        st.lists(_odd(st.fixed_dictionaries({}, optional={"key": _odd(texts), "value": _odd(texts)})))
                    ),
                },
            )
        ),
    },
)
block = _odd(st.fixed_dictionaries({"and": _odd(st.lists(_odd(criterion), max_size=3))}))
items = st.fixed_dictionaries(
    {"jobId": texts},
    optional={
        "name": _odd(texts),
        "jobType": _odd(st.sampled_from(["ONE_TIME", "SCHEDULED", "NEVER_SEEN"])),
        "jobStatus": _odd(st.sampled_from(["RUNNING", "USER_PAUSED", "ON_STRIKE"])),
        "createdAt": _odd(
            st.sampled_from(["2026-11-01T09:30:00.000Z", "1969-07-20T20:17:40Z", "9999-12-31T23:59:59Z"])
        ),
        "lastRunErrorStatus": _odd(st.fixed_dictionaries({"code": _odd(texts)})),
        "userPausedDetails": _odd(
            st.fixed_dictionaries(
                {"jobPausedAt": values, "jobExpiresAt": values, "jobImminentExpirationHealthEventArn": values}
            )
        ),
        "bucketDefinitions": _odd(
            st.lists(
                _odd(st.fixed_dictionaries({}, optional={"accountId": _odd(texts), "buckets": _odd(st.lists(texts))}))
            )
        ),
        "bucketCriteria": _odd(st.fixed_dictionaries({}, optional={"includes": block, "excludes": block})),
        "aFieldOfTheFuture": values,
    },
)


def _body(page: object) -> bytes:
    """Write JSON as a service may: characters as such, lone surrogates as escapes."""
    text = json.dumps(page, ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _only(item: object) -> Job:
    jobs, _ = read_page(_body({"items": [item]}))
    (job,) = jobs
    return job


def job_row(job: Job) -> tuple[Any, ...]:
    """Give the job's row of `jobs`."""
    row, _, _ = take_apart(TARGET, "aws", job)
    return row


def bucket_rows(job: Job) -> list[tuple[Any, ...]]:
    """Give the job's rows of `job_buckets` without the job's key."""
    _, rows, _ = take_apart(TARGET, "aws", job)
    return [row[3:] for row in rows]


def criterion_rows(job: Job) -> list[tuple[Any, ...]]:
    """Give the job's rows of `job_criteria` without the job's key."""
    _, _, rows = take_apart(TARGET, "aws", job)
    return [row[3:] for row in rows]


def _row(item: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(JOB_COLUMNS, job_row(_only({"jobId": "j", **item})), strict=True))


def _is_storable(value: object) -> bool:
    return value is None or isinstance(value, int) or (isinstance(value, str) and storable_text(value) == value)


@given(st.lists(items, max_size=4), st.none() | st.text(min_size=1))
def test_a_page_survives_the_way_into_jobs(page: list[dict[str, Any]], token: str | None) -> None:
    """Whatever the items hold, `raw` is the item as received, and the next page's token is kept."""
    body = {"items": page} if token is None else {"items": page, "nextToken": token}
    jobs, next_token = read_page(_body(body))
    assert [json.loads(job.raw) for job in jobs] == page
    assert [job.job_id for job in jobs] == [storable_text(item["jobId"]) for item in page]
    assert next_token == token


@given(items)
def test_every_item_becomes_rows_that_sql_can_hold(item: dict[str, Any]) -> None:
    """Odd types, NUL, lone surrogates and missing fields never fail, and no row holds what a database cannot."""
    job = _only(item)
    row = job_row(job)
    assert len(row) == len(JOB_COLUMNS)
    assert all(_is_storable(value) for value in row)
    assert all(_is_storable(value) for bucket in bucket_rows(job) for value in bucket)
    assert all(_is_storable(value) for criterion_row in criterion_rows(job) for value in criterion_row)


@given(items, st.booleans())
def test_both_ways_of_reading_a_job_give_the_same_rows(item: dict[str, Any], plain: bool) -> None:
    """The quick way for documented types gives what the way for any type gives, or leaves the job to it."""
    if plain:  # without the escapes that the quick way leaves alone
        item = json.loads(storable_json(json.dumps(item)).replace("\\u", "u"))
    job = _only(item)
    quick = documented.take_apart(TARGET, "aws", job)
    event(f"quick way: {quick is not None}")
    assert quick is None or quick == anything.take_apart(TARGET, "aws", job)


def test_a_job_as_documented_is_read_the_quick_way() -> None:
    """Every member that the API's page names, in its type."""
    term = {
        "simpleCriterion": {"comparator": "STARTS_WITH", "key": "S3_BUCKET_NAME", "values": ["a", "b"]},
        "tagCriterion": {"comparator": "EQ", "tagValues": [{"key": "k", "value": "v"}]},
    }
    item = {
        "bucketCriteria": {"excludes": {"and": [term]}, "includes": {"and": [term, term]}},
        "bucketDefinitions": [{"accountId": "111122223333", "buckets": ["one", "two", "one"]}],
        "createdAt": "2026-11-01T09:30:00.000Z",
        "jobId": "3ce05dbb7ec5505def334104bf2f41c0",
        "jobStatus": "USER_PAUSED",
        "jobType": "SCHEDULED",
        "lastRunErrorStatus": {"code": "ERROR"},
        "name": "every bucket",
        "userPausedDetails": {
            "jobExpiresAt": "2026-12-01T09:30:00.000Z",
            "jobImminentExpirationHealthEventArn": "arn:aws:health:eu-west-1::event/MACIE/1",
            "jobPausedAt": "2026-11-01T09:30:00.000Z",
        },
    }
    rows = documented.take_apart(TARGET, "aws", _only(item))
    assert rows is not None
    assert rows == anything.take_apart(TARGET, "aws", _only(item))
    assert [len(part) for part in rows] == [len(JOB_COLUMNS), 2, 9]


@given(items)
def test_storable_json_says_the_same(item: dict[str, Any]) -> None:
    """JSON made fit for PostgreSQL differs by U+FFFD only, in values and in names."""
    stored = storable_json(_only(item).raw)
    stored.encode()
    assert not re.search(r"(?<!\\)(?:\\\\)*\\u0000", stored)
    assert json.loads(stored) == _storable(item)


def _storable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, list):
        return [_storable(element) for element in value]
    if isinstance(value, dict):
        return {storable_text(key): _storable(element) for key, element in value.items()}
    return value


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (r'"a\u0000b"', r'"a\ufffdb"'),
        (r'"a\\u0000b"', r'"a\\u0000b"'),
        (r'"a\\\u0000b"', r'"a\\\ufffdb"'),
        (r'"\ud83d\ude00"', r'"\ud83d\ude00"'),
        (r'"\ud83d"', r'"\ufffd"'),
        (r'"\ude00\ud83d"', r'"\ufffd\ufffd"'),
        (r'"\uD83D\ud83d\uDE00"', r'"\ufffd\ud83d\uDE00"'),
        (r'{"\u0000":1e999,"n":12345678901234567890.10}', r'{"\ufffd":1e999,"n":12345678901234567890.10}'),
    ],
)
def test_storable_json_changes_escapes_only(raw: str, expected: str) -> None:
    """Pairs, doubled backslashes and numbers stay as they are."""
    assert storable_json(raw) == expected


@given(st.binary() | st.text().map(str.encode) | values.map(_body))
def test_what_is_no_listing_never_passes_for_one(body: bytes) -> None:
    """Only a JSON object with a list of items is a page: everything else raises."""
    page = None
    with suppress(ValueError):
        page = json.loads(body)
    if isinstance(page, dict) and isinstance(page.get("items"), list):
        return
    with pytest.raises(NotAListingError):
        read_page(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"nextToken":"t"}',
        b'{"items":null}',
        b'{"items":{}}',
        b'{"Items":[]}',
        b'{"message":"ok"}',
        b"<html><body>503</body></html>",
        b'{"items":[]',
        b'{"items":[{"jobId":"a"}',
        b'{"items":[]} trailing',
        b'{"items":[{"jobId":"a","name":"\x00"}]}',
        b'{"items":[{"jobId":"a","name":NaN}]}',
        b'{"items":[{"jobId":"a","name":"\xff"}]}',
        b"\x1f\x8b\x08\x00",
        b'{"items":[' + b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_listing_is_refused(body: bytes) -> None:
    """A proxy's page, a cut body, another object: none of them is an empty listing."""
    with pytest.raises(NotAListingError) as caught:
        read_page(body)
    assert caught.value.jobs == ()


@pytest.mark.parametrize("odd", [None, 1, "x", [], {}, {"jobId": None}, {"jobId": 5}, {"jobid": "b"}])
def test_an_item_without_an_id_spoils_the_page_but_not_its_jobs(odd: object) -> None:
    """Nothing can be said about such an item, so the page is no complete listing; the others are kept."""
    with pytest.raises(NotAListingError, match="no jobId") as caught:
        read_page(_body({"items": [{"jobId": "a"}, odd, {"jobId": "c"}]}))
    assert [job.job_id for job in caught.value.jobs] == ["a", "c"]


@pytest.mark.parametrize("token", [5, True, ["t"], {"t": 1}])
def test_a_token_that_is_no_text_is_no_end(token: object) -> None:
    """A page whose successor cannot be asked for must not count as the last one."""
    with pytest.raises(NotAListingError, match="nextToken") as caught:
        read_page(_body({"items": [{"jobId": "a"}], "nextToken": token}))
    assert [job.job_id for job in caught.value.jobs] == ["a"]


@pytest.mark.parametrize("body", [b'{"items":[]}', b'{"items":[],"nextToken":null}', b'{"items":[],"nextToken":""}'])
def test_an_empty_listing_is_one(body: bytes) -> None:
    """No jobs, no token: the account has no jobs here."""
    assert read_page(body) == ([], None)


def test_a_byte_order_mark_is_no_matter() -> None:
    """A page behind a byte order mark is read."""
    jobs, token = read_page(b'\xef\xbb\xbf{"items":[{"jobId":"a"}],"nextToken":"t"}')
    assert ([job.job_id for job in jobs], token) == (["a"], "t")


def test_the_digest_tells_contents_apart() -> None:
    """The same text has the same digest, another text another one."""
    first, again, other = (_only({"jobId": "a", "name": name}) for name in ("x", "x", "y"))
    assert first.digest == again.digest != other.digest


def test_the_documented_item_becomes_the_documented_row() -> None:
    """Every field of the API's example stands in its column."""
    row = _row(
        {
            "name": "monthly",
            "jobType": "SCHEDULED",
            "jobStatus": "USER_PAUSED",
            "createdAt": "2026-11-01T09:30:00.123456789+02:00",
            "lastRunErrorStatus": {"code": "ERROR"},
            "userPausedDetails": {
                "jobPausedAt": "2026-11-02T00:00:00Z",
                "jobExpiresAt": "2026-12-02T00:00:00Z",
                "jobImminentExpirationHealthEventArn": "arn:aws:health:::event/1",
            },
            "bucketDefinitions": [{"accountId": "210987654321", "buckets": ["a", "b"]}],
        }
    )
    raw, digest = row.pop("raw"), row.pop("digest")
    assert json.loads(raw)["name"] == "monthly"
    assert len(digest) == 32
    assert row == {
        "account_id": "123456789012",
        "region": "eu-west-1",
        "job_id": "j",
        "arn": "arn:aws:macie2:eu-west-1:123456789012:classification-job/j",
        "name": "monthly",
        "job_type": "SCHEDULED",
        "job_status": "USER_PAUSED",
        "created_at": "2026-11-01T07:30:00.123456Z",
        "last_run_error_code": "ERROR",
        "paused_at": "2026-11-02T00:00:00.000000Z",
        "expires_at": "2026-12-02T00:00:00.000000Z",
        "expiration_health_event_arn": "arn:aws:health:::event/1",
        "bucket_selection": "definitions",
        "bucket_count": 2,
    }


@pytest.mark.parametrize(
    ("item", "selection", "count"),
    [
        ({}, None, None),
        ({"bucketDefinitions": None, "bucketCriteria": None}, None, None),
        ({"bucketDefinitions": []}, "definitions", 0),
        ({"bucketDefinitions": [{"accountId": "1", "buckets": ["a", "a"]}]}, "definitions", 1),
        ({"bucketCriteria": {}}, "criteria", None),
        ({"bucketDefinitions": [], "bucketCriteria": {"includes": {"and": []}}}, "criteria", None),
        ({"bucketDefinitions": [{"accountId": "1", "buckets": ["a"]}], "bucketCriteria": {}}, "definitions", 1),
    ],
)
def test_the_selection_of_buckets(item: dict[str, Any], selection: str | None, count: int | None) -> None:
    """A job has definitions or criteria; buckets are counted where they are named."""
    row = _row(item)
    assert (row["bucket_selection"], row["bucket_count"]) == (selection, count)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-01T09:30:00Z", "2026-11-01T09:30:00.000000Z"),
        ("2026-11-01T09:30:00.5Z", "2026-11-01T09:30:00.500000Z"),
        ("2026-11-01T09:30:00+00:00", "2026-11-01T09:30:00.000000Z"),
        ("2026-11-01T00:30:00+05:30", "2026-10-31T19:00:00.000000Z"),
        ("2026-11-01T09:30:00", "2026-11-01T09:30:00.000000Z"),
        (" 2026-11-01 09:30:00Z ", "2026-11-01T09:30:00.000000Z"),
        ("2026-11-01", "2026-11-01T00:00:00.000000Z"),
        ("1969-07-20T20:17:40Z", "1969-07-20T20:17:40.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1.5, "1969-12-31T23:59:58.500000Z"),
        (1793525400.25, "2026-11-01T09:30:00.250000Z"),
        ("1793525400", "2026-11-01T09:30:00.000000Z"),
        ("9999-12-31T23:59:59-01:00", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("yesterday", None),
        ("", None),
        ("-", None),
        ("²", None),
        (1e300, None),
        (-1e300, None),
        (10**400, None),
        (True, None),
        (None, None),
        ([], None),
        ({"epoch": 1}, None),
    ],
)
def test_moments_become_utc(value: object, expected: str | None) -> None:
    """ISO 8601 and seconds since 1970 are read, before 1970 and at the end of 9999; anything else is unknown."""
    assert _row({"createdAt": value})["created_at"] == expected


def test_a_moment_without_a_zone_is_utc_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The zone of the machine that collects plays no part."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert _row({"createdAt": "2026-11-01T09:30:00"})["created_at"] == "2026-11-01T09:30:00.000000Z"
        assert _row({"createdAt": 1793525400})["created_at"] == "2026-11-01T09:30:00.000000Z"
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("NEVER_SEEN", "NEVER_SEEN"),
        ("x" * 5000, "x" * 5000),
        ("😀 'quoted' \"twice\"", "😀 'quoted' \"twice\""),
        ("a\x00b\ud800", "a\ufffdb\ufffd"),
        (5, "5"),
        (True, "true"),
        (["é"], '["é"]'),
        ({"a": "\x00"}, r'{"a": "\u0000"}'),
        (int("9" * 50), "9" * 50),
        (None, None),
    ],
)
def test_texts_are_kept(value: object, expected: str | None) -> None:
    """A text stays as AWS sent it; a value of another type becomes its JSON text."""
    assert _row({"name": value})["name"] == expected


def test_a_number_too_long_for_python_is_kept() -> None:
    """Thousands of digits do not fail; they stand as text."""
    digits = "9" * 5000
    (job,), _ = read_page(b'{"items":[{"jobId":"j","name":' + digits.encode() + b',"odd":"\\ud800"}]}')
    assert job_row(job)[JOB_COLUMNS.index("name")] == digits


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_whatever_a_page_holds_its_jobs_can_be_stored(opening: str) -> None:
    """Nesting as deep as a page may have does not fail later, where a failure would cost the run."""
    closing = {"[": "]", '{"a":': "}"}[opening]

    def body(depth: int) -> bytes:
        return f'{{"items":[{{"jobId":"j","name":{opening * depth}1{closing * depth}}}]}}'.encode()

    def accepted(depth: int) -> bool:
        with suppress(NotAListingError):
            return bool(read_page(body(depth)))
        return False

    low, high = 1, 1_000_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(middle) else (low, middle)
    assert low > 100
    for depth in range(low - 20, low + 1):
        (job,), _ = read_page(body(depth))
        assert job_row(job)[JOB_COLUMNS.index("raw")] == job.raw
    deeper = Job("j", f'{{"jobId":"j","name":{opening * 200_000}1{closing * 200_000}}}', "digest")
    assert job_row(deeper)[JOB_COLUMNS.index("name")] is None
    assert not bucket_rows(deeper)
    assert not criterion_rows(deeper)


def test_a_thousand_buckets() -> None:
    """Each bucket of each owner is one row, in the order given."""
    definitions = [
        {"accountId": f"{owner:012d}", "buckets": [f"bucket-{number}" for number in range(250)]} for owner in range(4)
    ]
    rows = bucket_rows(_only({"jobId": "j", "bucketDefinitions": definitions}))
    assert rows == [(f"{owner:012d}", f"bucket-{number}") for owner in range(4) for number in range(250)]


def test_a_bucket_named_twice_is_one_row() -> None:
    """The key decides; what differs only by what cannot be stored is the same."""
    definitions = [
        {"accountId": "1", "buckets": ["a", "a", "b\x00", "b\ufffd"]},
        {"accountId": "1", "buckets": ["a"]},
        {"buckets": ["a", None]},
        None,
        {"accountId": "2"},
    ]
    rows = bucket_rows(_only({"jobId": "j", "bucketDefinitions": definitions}))
    assert rows == [("1", "a"), ("1", "b\ufffd"), ("", "a"), ("", "")]


def test_every_kind_of_criterion_has_its_rows() -> None:
    """Simple and tag criteria of one term share it; a criterion without values still has a row."""
    criteria = {
        "includes": {
            "and": [
                {
                    "simpleCriterion": {"comparator": "EQ", "key": "ACCOUNT_ID", "values": ["1", "2"]},
                    "tagCriterion": {
                        "comparator": "NE",
                        "tagValues": [{"key": "env", "value": "prod"}, {"key": "team"}],
                    },
                },
                {"simpleCriterion": {"comparator": "EQ", "key": "S3_BUCKET_NAME"}},
            ]
        },
        "excludes": {"and": [{"tagCriterion": {"comparator": "EQ", "tagValues": []}}, {}]},
    }
    assert criterion_rows(_only({"jobId": "j", "bucketCriteria": criteria})) == [
        ("includes", 0, "simple", 0, "EQ", "ACCOUNT_ID", "1"),
        ("includes", 0, "simple", 1, "EQ", "ACCOUNT_ID", "2"),
        ("includes", 0, "tag", 0, "NE", "env", "prod"),
        ("includes", 0, "tag", 1, "NE", "team", None),
        ("includes", 1, "simple", 0, "EQ", "S3_BUCKET_NAME", None),
        ("excludes", 0, "tag", 0, "EQ", None, None),
    ]


@given(items)
def test_every_value_of_criteria_stands_in_exactly_one_row(item: dict[str, Any]) -> None:
    """Each listed value has the row of its block, term, kind and position, and there is no row besides."""
    rows = {row[:4]: row[4:] for row in criterion_rows(_only(item))}
    expected = dict(_expected_rows(item))
    assert rows == expected
    assert len(criterion_rows(_only(item))) == len(expected)


def _expected_rows(item: dict[str, Any]) -> Iterator[tuple[tuple[str, int, str, int], tuple[str | None, ...]]]:
    """Walk through the criteria as `sql.md` describes them."""
    for name in ("includes", "excludes"):
        for term, element in enumerate(_list(_dict(_dict(item.get("bucketCriteria")).get(name)).get("and"))):
            simple, tag = _dict(element).get("simpleCriterion"), _dict(element).get("tagCriterion")
            if isinstance(simple, dict):
                for position, value in enumerate(_list(simple.get("values")) or [None]):
                    cells = (simple.get("comparator"), simple.get("key"), value)
                    yield (name, term, "simple", position), tuple(map(_cell, cells))
            if isinstance(tag, dict):
                for position, pair in enumerate(_list(tag.get("tagValues")) or [None]):
                    cells = (tag.get("comparator"), _dict(pair).get("key"), _dict(pair).get("value"))
                    yield (name, term, "tag", position), tuple(map(_cell, cells))


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _cell(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value if value is None else storable_text(value)
    return storable_text(json.dumps(value, ensure_ascii=False))
