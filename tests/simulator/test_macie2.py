"""ListClassificationJobs filters, sorts and pages as documented; what is off or denied says so in Macie's words."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulator.clients import Clients, list_jobs

from macie_inventory.simulator import Denial, Job, Jobs, MacieOff, World, generate_world, running
from macie_inventory.simulator.api import ApiError
from macie_inventory.simulator.services.job_query import select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from macie_inventory.simulator import Simulator

JOBS = tuple(
    Job({"jobId": str(number), "name": name, "jobType": kind, "jobStatus": status, "createdAt": created})
    for number, (name, kind, status, created) in enumerate(
        [
            ("alpha", "ONE_TIME", "COMPLETE", "2024-01-01T00:00:00.000Z"),
            ("beta", "SCHEDULED", "IDLE", "2024-06-01T00:00:00.500Z"),
            ("alphabet", "SCHEDULED", "RUNNING", "2025-01-01T00:00:00Z"),
            ("", "ONE_TIME", "CANCELLED", "2025-01-01T01:00:00+02:00"),
        ]
    )
)


def chosen(**criteria: object) -> str:
    """Return the ids of the jobs that filter criteria select."""
    return "".join(job.job_id for job in select(JOBS, criteria, None))


def condition(key: str, comparator: str, *values: str) -> dict[str, object]:
    """Return a condition of filter criteria."""
    return {"key": key, "comparator": comparator, "values": list(values)}


@pytest.mark.parametrize(
    ("key", "comparator", "values", "expected"),
    [
        ("name", "EQ", ["alpha", "beta"], "01"),
        ("name", "NE", ["alpha", "beta"], "23"),
        ("name", "GT", ["alpha"], "12"),
        ("name", "GTE", ["alpha"], "012"),
        ("name", "LT", ["alphabet"], "03"),
        ("name", "LTE", ["alphabet"], "023"),
        ("name", "CONTAINS", ["bet"], "12"),
        ("name", "STARTS_WITH", ["alpha"], "02"),
        ("jobType", "EQ", ["SCHEDULED"], "12"),
        ("jobStatus", "NE", ["IDLE"], "023"),
        ("createdAt", "EQ", ["2025-01-01T00:00:00.000000+00:00"], "2"),
        ("createdAt", "GT", ["2024-06-01T00:00:00Z"], "123"),
        ("createdAt", "LTE", ["2024-12-31T23:00:00Z"], "013"),
        ("createdAt", "STARTS_WITH", ["2024-"], "01"),
    ],
)
def test_each_comparator(key: str, comparator: str, values: list[str], expected: str) -> None:
    """Each comparator selects by text, or by moment for createdAt; several values are alternatives."""
    assert chosen(includes=[condition(key, comparator, *values)]) == expected
    rest = "".join(sorted(set("0123") - set(expected)))
    assert chosen(excludes=[condition(key, comparator, *values)]) == rest


def test_includes_are_joined_by_and_and_excludes_take_away() -> None:
    """A job has to meet every condition of includes and none of excludes."""
    includes = [condition("name", "CONTAINS", "a"), condition("jobType", "EQ", "SCHEDULED")]
    assert chosen(includes=includes) == "12"
    assert chosen(includes=includes, excludes=[condition("name", "EQ", "beta"), condition("name", "EQ", "x")]) == "2"


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("attribute", ["createdAt", "jobStatus", "name", "jobType"])
def test_sorting(attribute: str, order: str) -> None:
    """Jobs come sorted by each attribute in either direction."""
    jobs = select(JOBS, None, {"attributeName": attribute, "orderBy": order})
    values = [_comparable(job[attribute]) for job in jobs]
    assert len(jobs) == len(JOBS)
    assert all((a <= b) if order == "ASC" else (a >= b) for a, b in pairwise(values))


def _comparable(value: object) -> Any:  # noqa: ANN401 - a moment or a text
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)


@pytest.mark.parametrize(
    ("criteria", "sort"),
    [
        ({"includes": [condition("jobId", "EQ", "x")]}, None),
        ({"includes": [condition("name", "LIKE", "x")]}, None),
        ({"includes": [condition("name", "EQ")]}, None),
        ({"includes": [condition("createdAt", "GT", "yesterday")]}, None),
        ({"includes": {}}, None),
        ({"excludes": ["x"]}, None),
        ([], None),
        (None, {"attributeName": "jobId"}),
        (None, {"orderBy": "UP"}),
        (None, "name"),
    ],
)
def test_malformed_queries(criteria: object, sort: object) -> None:
    """A query that makes no sense is a ValidationException, never an empty listing."""
    with pytest.raises(ApiError) as error:
        select(JOBS, criteria, sort)
    assert (error.value.status, error.value.code) == (400, "ValidationException")


@settings(max_examples=25, deadline=None)
@given(total=st.integers(0, 23), size=st.integers(1, 9), ascending=st.booleans())
def test_pages_are_the_listing(paged: Simulator, total: int, size: int, *, ascending: bool) -> None:
    """Whatever the size of a page, the pages hold each job once, in order, and none but the last lacks a token."""
    world = paged.world
    jobs = [{"jobId": str(n), "createdAt": f"2025-01-01T00:00:{n:02d}Z"} for n in range(total)]
    world.jobs[world.caller_account_id, "us-east-1"] = jobs
    sort = {"attributeName": "createdAt", "orderBy": "ASC" if ascending else "DESC"}
    found: list[str] = []
    token: dict[str, str] = {}
    for _ in range(total + 2):
        page = list_jobs(paged, maxResults=size, sortCriteria=sort, **token).json
        found += [item["jobId"] for item in page["items"]]
        if "nextToken" not in page:
            break
        assert len(page["items"]) == size
        token = {"nextToken": page["nextToken"]}
    assert found == [str(n) for n in (range(total) if ascending else reversed(range(total)))]


@pytest.fixture(scope="module")
def paged() -> Any:  # noqa: ANN401 - a generator of simulators
    """Serve an account whose jobs the tests replace."""
    with running(generate_world(accounts=1, regions=1, jobs=0)) as simulator:
        yield simulator


def test_a_token_belongs_to_its_account_region_and_query(sim: Simulator, clients: Clients, member: str) -> None:
    """A token is refused by another region, another query and another account, and when it is no token."""
    token = list_jobs(sim, maxResults=3).json["nextToken"]
    sort = {"attributeName": "name", "orderBy": "ASC"}
    assert list_jobs(sim, maxResults=5, nextToken=token).status == 200
    for answer in (
        list_jobs(sim, "us-east-2", nextToken=token),
        list_jobs(sim, nextToken=token, sortCriteria=sort),
        list_jobs(sim, nextToken=token[:-4]),
        list_jobs(sim, nextToken="é"),
    ):
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
    with pytest.raises(ClientError, match="ValidationException"):
        clients.macie(member).list_classification_jobs(nextToken=token)


@pytest.mark.parametrize("size", [0, -1, "many"])
def test_odd_page_sizes(sim: Simulator, size: object) -> None:
    """A page size that is no number from 1 is refused."""
    assert list_jobs(sim, maxResults=size).headers["x-amzn-errortype"] == "ValidationException"


def test_page_sizes_have_a_limit(sim: Simulator, world: World) -> None:
    """More than the limit is cut to the limit, and without a size the default holds."""
    world.max_page_size, world.default_page_size = 5, 2
    assert len(list_jobs(sim, maxResults=500).json["items"]) == 5
    assert len(list_jobs(sim).json["items"]) == 2


@pytest.mark.parametrize("words", list(MacieOff))
def test_macie_off(clients: Clients, world: World, member: str, words: MacieOff) -> None:
    """Macie that is off says so in either form, in that region only."""
    world.mutate.macie_off(member, "us-east-1", words)
    with pytest.raises(ClientError, match=words.value) as error:
        clients.macie(member).list_classification_jobs()
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert clients.macie(member, "us-east-2").list_classification_jobs()["items"]


@pytest.mark.parametrize("denial", list(Denial))
def test_denied(clients: Clients, world: World, member: str, denial: Denial) -> None:
    """A denial names the session, the action and the kind of policy."""
    world.mutate.deny(member, "us-east-1", denial)
    with pytest.raises(ClientError) as error:
        clients.macie(member).list_classification_jobs()
    message = error.value.response["Error"]["Message"]
    session = f"User: arn:aws:sts::{member}:assumed-role/MacieInventoryReader/tests is not authorized to perform: "
    assert message.startswith(session + "macie2:ListClassificationJobs")
    assert ("service control policy" in message) is (denial is Denial.SERVICE_CONTROL_POLICY)


def test_a_region_that_is_off() -> None:
    """In an opt-in region that is off the credentials themselves are unknown."""
    world = generate_world(accounts=2, regions=("us-east-1", "me-south-1"), jobs=1)
    member = list(world.accounts)[1]
    with running(world) as sim, Clients(sim) as clients:
        macie = clients.macie(member, "me-south-1")
        assert macie.list_classification_jobs()["items"]
        world.mutate.region_off(member, "me-south-1")
        with pytest.raises(ClientError, match="The security token included in the request is invalid") as error:
            macie.list_classification_jobs()
        assert error.value.response["Error"]["Code"] == "UnrecognizedClientException"
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_region_without_macie(sim: Simulator) -> None:
    """Where there is no Macie there is no answer."""
    with pytest.raises(ConnectionError):
        list_jobs(sim, "eu-south-2")


def test_anything_a_job_may_hold_survives(paged: Simulator) -> None:
    """Unknown members and values, nulls, NUL, emoji and lone surrogates are served as they are."""
    odd: Sequence[dict[str, object]] = [
        {"jobId": "1", "jobStatus": "DREAMING", "new": {"a": [None, 1.5, True]}, "name": 'a\0b"\\\U0001f600'},
        {"jobId": "2", "name": "x" * 5000, "createdAt": "9999-12-31T23:59:59.999999Z", "userPausedDetails": None},
        {"jobId": "3", "name": "\ud800"},
        {},
    ]
    paged.world.jobs[paged.world.caller_account_id, "us-east-1"] = odd
    assert list_jobs(paged).json["items"] == odd


def test_jobs_are_immutable() -> None:
    """A job refuses changes, so that what is served can't differ from what the world says."""
    job = JOBS[0]
    before = dict(job)
    changes: dict[str, tuple[object, ...]] = {
        "update": ({"name": "x"},),
        "__setitem__": ("name", "x"),
        "__ior__": ({"name": "x"},),
        "clear": (),
        "pop": ("name",),
    }
    for verb, values in changes.items():
        with pytest.raises(TypeError, match="immutable"):
            getattr(job, verb)(*values)
    assert job == before
    assert job.changed(name="x", jobType=None) == {**{k: v for k, v in job.items() if k != "jobType"}, "name": "x"}


def test_jobs_are_made_again_alike() -> None:
    """Jobs that left memory are made again exactly as they were, and what was assigned stays."""
    made: list[str] = []

    def source(account_id: str, region: str) -> list[dict[str, object]]:
        made.append(account_id)
        return [{"jobId": f"{account_id}-{region}"}]

    jobs = Jobs(source=source, targets=[("1", "r"), ("2", "r")], keep=1)
    first = jobs["1", "r"]
    assert jobs["2", "r"] == ({"jobId": "2-r"},)
    assert jobs["1", "r"] == first
    assert made == ["1", "2", "1"]
    jobs["1", "r"] = []
    assert jobs["1", "r"] == ()
    assert len(jobs) == 2
    assert set(jobs) == {("1", "r"), ("2", "r")}
    del jobs["1", "r"]
    assert ("1", "r") not in jobs
    with pytest.raises(KeyError):
        jobs["3", "r"]
