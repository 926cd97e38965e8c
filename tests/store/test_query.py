"""Questions: read-only by construction, with parameters, streamed, and as of a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.material import ACCOUNT, ELSEWHERE, HERE, THERE, at, collect, harvest, item, rows

from macie_inventory.errors import ConfigurationError, UsageError
from macie_inventory.model import Account, Outcome, timestamp
from macie_inventory.store import moment_of, open_query, parse_database_url
from macie_inventory.store.statement import prepare, sqlite_value

pytestmark = pytest.mark.anyio


async def ask(url: str, sql: str, parameters: dict[str, str] | None = None, as_of: str | None = None) -> list[Any]:
    """Give all rows of a question."""
    async with open_query(parse_database_url(url), sql, parameters, as_of=as_of) as found:
        return [row for batch in [batch async for batch in found.batches] for row in batch]


async def test_a_question_gives_columns_and_rows(database_url: str) -> None:
    """Columns are named, moments are text of one form, JSON is text, and nulls are None."""
    await collect(database_url, 1, harvest(HERE, item("a", novel={"x": 1})))
    async with open_query(
        parse_database_url(database_url),
        "SELECT job_id AS id, first_seen_at, missing_since, bucket_count, raw FROM jobs -- a 100 % good ; comment",
    ) as found:
        assert found.columns == ("id", "first_seen_at", "missing_since", "bucket_count", "raw")
        batches = [batch async for batch in found.batches]
    ((row,),) = batches
    assert row[:4] == ("a", at(1, 2), None, 2)
    assert re.search(r'"novel": ?\{"x": ?1\}', row[4])


async def test_many_rows_arrive_in_batches(database_url: str) -> None:
    """A large result is handed out piece by piece."""
    await collect(database_url, 1, harvest(HERE, *(item(f"{number:05}") for number in range(1201))))
    async with open_query(parse_database_url(database_url), "SELECT job_id FROM jobs ORDER BY 1") as found:
        sizes = [len(batch) async for batch in found.batches]
    assert (sum(sizes), max(sizes)) == (1201, 500)


async def test_parameters_take_texts_and_numbers(database_url: str) -> None:
    """A parameter compares with texts and with computed numbers alike, and is never part of the SQL."""
    await collect(database_url, 1, harvest(HERE, item("a", name="it's; --"), item("b", name="12")))
    assert await ask(database_url, "SELECT job_id FROM jobs WHERE name = :n", {"n": "it's; --"}) == [("a",)]
    assert await ask(database_url, "SELECT job_id FROM jobs WHERE name = :n", {"n": "12"}) == [("b",)]
    assert await ask(database_url, "SELECT job_id FROM jobs WHERE account_id = :n ORDER BY 1", {"n": ACCOUNT}) == [
        ("a",),
        ("b",),
    ]
    assert await ask(database_url, "SELECT job_id FROM jobs WHERE bucket_count * 1.5 < :n", {"n": "2"}) == []
    assert await ask(database_url, "SELECT count(*) FROM jobs WHERE bucket_count * 1.5 < :n", {"n": "12"}) == [(2,)]
    assert await ask(
        database_url, "SELECT ':n', '10:30' FROM jobs WHERE job_id = :n AND name LIKE 'it%'", {"n": "a"}
    ) == [(":n", "10:30")]


@pytest.mark.parametrize(
    ("sql", "parameters", "said"),
    [
        ("", {}, "the query is empty"),
        ("-- only a comment", {}, "the query is empty"),
        ("DELETE FROM jobs", {}, "only reading is possible here, and DELETE is no query"),
        ("ATTACH 'x' AS y", {}, "ATTACH is no query"),
        ("COMMIT", {}, "COMMIT is no query"),
        ("PRAGMA query_only = OFF", {}, "PRAGMA is no query"),
        ("SELECT 1; DROP TABLE jobs", {}, "more than one statement"),
        ("SELECT 1; -- fine\n; DROP TABLE jobs", {}, "more than one statement"),
        (
            "WITH x AS (SELECT 1 AS one) INSERT INTO leases SELECT 1, 1, 1, 1, 1, 1, 1, 1, 1 FROM x",
            {},
            "would write|refuses",
        ),
        ("SELECT nothing FROM jobs", {}, "the database refuses the query: .*nothing"),
        ("SELECT * FROM nowhere", {}, "the database refuses the query: .*nowhere"),
        ("SELECT * FROM jobs WHERE", {}, "the database refuses the query"),
        ("SELECT :a", {}, "the parameter :a has no value: add --param a=…"),
        ("SELECT 1", {"a": "1"}, "the query has no parameter :a"),
        ("SELECT * FROM jobs_as_of", {}, "jobs_as_of needs a moment: add --as-of"),
    ],
)
async def test_what_is_no_question_is_refused_with_one_line(
    database_url: str, sql: str, parameters: dict[str, str], said: str
) -> None:
    """Writes, several statements and mistakes end as usage errors of one line, and nothing is changed."""
    await collect(database_url, 1, harvest(HERE, item("a")))
    with pytest.raises(UsageError, match=said) as caught:
        await ask(database_url, sql, parameters)
    assert "\n" not in str(caught.value)
    assert await rows(database_url, "SELECT count(*) FROM jobs") == [(1,)]


async def test_a_write_inside_a_query_is_refused(postgres_url: str) -> None:
    """What begins like a query and writes is stopped by the read-only transaction."""
    await collect(postgres_url, 1, harvest(HERE, item("a")))
    await rows(
        postgres_url,
        "CREATE FUNCTION forget() RETURNS integer LANGUAGE sql AS 'DELETE FROM jobs; SELECT 1'",
    )
    for sql in ("SELECT forget()", "WITH gone AS (DELETE FROM jobs RETURNING 1) SELECT * FROM gone"):
        with pytest.raises(UsageError, match="only reading is possible here: the query would write"):
            await ask(postgres_url, sql)
    with pytest.raises(UsageError):
        await ask(postgres_url, "SELECT set_config('transaction_read_only', 'off', false), forget()")
    assert await rows(postgres_url, "SELECT job_id FROM jobs") == [("a",)]


async def test_a_plan_can_be_asked_for(database_url: str) -> None:
    """EXPLAIN works on both databases."""
    await collect(database_url, 1)
    assert await ask(database_url, "EXPLAIN SELECT * FROM jobs WHERE job_id = :j", {"j": "x"})


async def test_a_question_needs_a_database(sqlite_url: str) -> None:
    """Where nothing was collected yet, the next step is named and no file is made."""
    with pytest.raises(ConfigurationError, match="run `macie-inventory collect` first"):
        await ask(sqlite_url, "SELECT 1")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", "2026-11-01T00:00:00.000000Z"),
        ("2026-11-01T06:00Z", "2026-11-01T06:00:00.000000Z"),
        ("2026-11-01T06:00:00.5+02:00", "2026-11-01T04:00:00.500000Z"),
        ("24h", "2026-11-21T12:00:00.000000Z"),
        (" 7d ", "2026-11-15T12:00:00.000000Z"),
        ("2w", "2026-11-08T12:00:00.000000Z"),
    ],
)
def test_moments_are_read_as_people_write_them(text: str, moment: str) -> None:
    """A date, a moment and an age are understood; without a zone it is UTC."""
    assert moment_of(text, now=datetime(2026, 11, 22, 12, tzinfo=UTC)) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "7x", "2026-13-01", "123456d", "0001-01-01T00:00+02:00"])
def test_other_texts_are_no_moments(text: str) -> None:
    """What cannot be read as a moment is a usage error that shows how to write one."""
    with pytest.raises(UsageError, match="is no moment: write 2026-11-01"):
        moment_of(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("2.5", 2.5),
        ("0", 0),
        ("007", "007"),
        ("1.50", "1.50"),
        ("1e5", "1e5"),
        ("", ""),
        ("+1", "+1"),
        ("9" * 19, "9" * 19),
        ("-0", "-0"),
        ("٣", "٣"),
    ],
)
def test_only_canonical_numbers_are_numbers(text: str, value: object) -> None:
    """A parameter is a number only when that writes it back as it was given."""
    assert repr(sqlite_value(text)) == repr(value)


@given(st.text(alphabet=";'\"-/*$:%a \n`\\", max_size=30))
@settings(max_examples=300, deadline=None)
def test_a_statement_of_any_characters_is_read_or_refused(text: str) -> None:
    """Whatever the text, reading it ends, and what is read holds no second statement."""
    try:
        statement = prepare("SELECT " + text, "sqlite")
    except UsageError:
        return
    assert statement.first_word == "select"


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_a_quoted_text_stays_as_it_is(text: str) -> None:
    """Inside quotes nothing is a parameter, a comment or an end."""
    quoted = "'" + text.replace("'", "''") + "'"
    statement = prepare(f"SELECT {quoted}", "sqlite")
    assert (statement.sql, statement.parameters) == (f"SELECT {quoted}".strip(), ())


AS_OF = (
    "SELECT account_id, region, job_id, name, job_type, job_status, created_at, last_run_error_code, paused_at, expires_at, "
    "expiration_health_event_arn, bucket_selection, bucket_count FROM {table} ORDER BY 1, 2, 3"
)


async def test_the_inventory_as_of_a_moment(database_url: str) -> None:
    """After each of several runs of a changing organization, jobs_as_of gives what current_jobs gave then."""
    paused = {"jobStatus": "USER_PAUSED", "userPausedDetails": {"jobExpiresAt": "2026-12-01T00:00:00Z"}}
    criteria = {"bucketDefinitions": ..., "bucketCriteria": {"includes": {"and": []}}}
    days = {
        1: [harvest(HERE, item("a"), item("b"), day=1), harvest(ELSEWHERE, item("e"), day=1)],
        2: [
            harvest(HERE, item("a", **paused), item("c", name=...), day=2),
            harvest(ELSEWHERE, day=2, outcome=Outcome.ACCESS_DENIED),
        ],
        3: [harvest(HERE, day=3, outcome=Outcome.MACIE_DISABLED)],
        4: [
            harvest(
                HERE,
                item("a", **criteria),
                item("b", name="back"),
                item("c", lastRunErrorStatus={"code": "ERROR"}),
                day=4,
            )
        ],
        5: [
            harvest(HERE, day=5),
            harvest(ELSEWHERE, item("e", jobStatus="COMPLETE"), day=5),
            harvest(THERE, item("t"), day=5),
        ],
        6: [harvest(HERE, item("a", createdAt="2026-10-02T00:00:00Z", bucketDefinitions=[]), day=6)],
    }
    states = {}
    for day, harvests in days.items():
        await collect(database_url, day, *harvests, accounts=[Account(account_id=ACCOUNT, name="Prod")])
        states[day] = await ask(database_url, AS_OF.format(table="current_jobs"))
    assert len({str(state) for state in states.values()}) == 5
    assert await ask(database_url, AS_OF.format(table="jobs_as_of"), as_of=at(1)) == []
    for day, state in states.items():
        for moment in (at(day, 2), at(day, 59), at(day).replace("T09", "T23")):
            assert await ask(database_url, AS_OF.format(table="jobs_as_of"), as_of=moment) == state


async def test_jobs_as_of_can_be_joined_and_combined(database_url: str) -> None:
    """The query around jobs_as_of may have parameters and common table expressions of its own."""
    await collect(database_url, 1, harvest(HERE, item("a")), accounts=[Account(account_id=ACCOUNT, name="Prod")])
    await collect(database_url, 2, harvest(HERE, item("a", jobStatus="COMPLETE"), day=2))
    sql = (
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2) "
        "SELECT n, account_name, job_status FROM jobs_as_of, numbers WHERE job_id = :job ORDER BY n"
    )
    assert await ask(database_url, sql, {"job": "a"}, as_of="2026-11-01T12:00Z") == [
        (1, "Prod", "RUNNING"),
        (2, "Prod", "RUNNING"),
    ]
    with pytest.raises(UsageError, match="does not read jobs_as_of"):
        await ask(database_url, "SELECT 1", as_of="2026-11-01")


RUNS = st.lists(
    st.dictionaries(
        st.sampled_from("abc"),
        st.fixed_dictionaries(
            {"jobStatus": st.sampled_from(["RUNNING", "IDLE"])}, optional={"name": st.sampled_from("xy")}
        ),
    ),
    min_size=2,
    max_size=6,
)


@given(listings=RUNS)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_can_be_read_back(tmp_path_factory: pytest.TempPathFactory, listings: list[dict[str, Any]]) -> None:
    """Whatever a target's listings were, each can be reconstructed afterwards."""
    import anyio  # noqa: PLC0415 - the only user

    url = f"sqlite:///{tmp_path_factory.mktemp('history')}/x.db"

    async def replay() -> None:
        for day, listing in enumerate(listings, start=1):
            await collect(url, day, harvest(HERE, *({"jobId": key, **job} for key, job in listing.items()), day=day))
        for day, listing in enumerate(listings, start=1):
            found = await ask(url, "SELECT job_id, name, job_status FROM jobs_as_of ORDER BY 1", as_of=at(day, 30))
            assert found == [(key, job.get("name"), job["jobStatus"]) for key, job in sorted(listing.items())]

    anyio.run(replay)


def test_a_moment_is_exact() -> None:
    """The end of the calendar and microseconds are kept."""
    assert moment_of("9999-12-31T23:59:59.999999Z") == timestamp(datetime.max.replace(tzinfo=UTC))
