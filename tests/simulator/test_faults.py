"""Every kind of fault arrives on the wire as it should, and the ledger says so."""

from __future__ import annotations

import http.client
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.simulator.clients import Clients, list_jobs, organizations, send, signed

from macie_inventory.simulator import (
    Condition,
    ConditionKind,
    Ending,
    Fault,
    FaultKind,
    FaultPlan,
    RateLimit,
    Rule,
    World,
    generate_world,
    running,
)
from macie_inventory.simulator.faults import EndlessJobs, Per

if TYPE_CHECKING:
    from collections.abc import Callable

    from macie_inventory.simulator import Simulator


def plan(kind: FaultKind, *, service: str = "macie2", pages: set[int] | None = None, **options: Any) -> FaultPlan:
    """Return a plan in which every call (of some pages) of a service meets a fault."""
    fault = Fault(kind=kind, **options)
    return FaultPlan(rules=(Rule(fault=fault, service=service, pages=frozenset(pages) if pages else None),))


@pytest.mark.parametrize(
    ("kind", "options", "status", "code", "content_type"),
    [
        (FaultKind.THROTTLE, {}, 429, "ThrottlingException", "application/json"),
        (FaultKind.THROTTLE, {"code": "SlowDown", "status": 503}, 503, "SlowDown", "application/json"),
        (FaultKind.THROTTLE_BARE, {}, 429, None, "text/plain"),
        (FaultKind.INTERNAL, {}, 500, "InternalServerException", "application/json"),
        (FaultKind.ERROR, {"status": 418, "code": "Teapot", "message": "x"}, 418, "Teapot", "application/json"),
        (FaultKind.UNAVAILABLE, {}, 503, None, "text/html"),
        (FaultKind.HTML, {}, 200, None, "text/html"),
        (FaultKind.NOT_JSON, {}, 200, None, "application/json"),
        (FaultKind.NO_ITEMS, {}, 200, None, "application/json"),
    ],
)
def test_answers_instead_of_a_listing(
    world: World, kind: FaultKind, options: dict[str, Any], status: int, code: str | None, content_type: str
) -> None:
    """Errors and pages that are no listings have their status, code and content type."""
    with running(world, faults=plan(kind, **options)) as sim:
        answer = list_jobs(sim)
        ending = Ending.THROTTLED if "throttle" in kind else Ending.FAULTED
        assert sim.calls.count(service="macie2", ending=ending) == sim.calls.total == 1
        assert sim.calls.faults[kind] == 1
    assert answer.status == status
    assert answer.headers.get("x-amzn-errortype") == code
    assert answer.headers["content-type"].startswith(content_type)
    assert b"jobStatus" not in answer.body
    if kind is FaultKind.NOT_JSON:
        with pytest.raises(ValueError, match="Unterminated"):
            json.loads(answer.body)


@pytest.mark.parametrize(
    "kind", [FaultKind.THROTTLE, FaultKind.THROTTLE_BARE, FaultKind.INTERNAL, FaultKind.UNAVAILABLE]
)
def test_retry_after(world: World, kind: FaultKind) -> None:
    """Retry-After is sent when the fault has it, and only then."""
    with running(world, faults=plan(kind, retry_after=1.5)) as sim:
        assert list_jobs(sim).headers["retry-after"] == "1.5"
        sim.reset(faults=plan(kind))
        assert "retry-after" not in list_jobs(sim).headers


def test_throttling_of_the_other_services(world: World) -> None:
    """STS and Organizations throttle with 400 and codes of their own."""
    rules = tuple(rule for name in ("sts", "organizations") for rule in plan(FaultKind.THROTTLE, service=name).rules)
    with running(world, faults=FaultPlan(rules=rules)) as sim, Clients(sim) as clients:
        answer = organizations(sim, "ListAccounts")
        assert (answer.status, answer.json["__type"]) == (400, "TooManyRequestsException")
        with pytest.raises(ClientError) as error:
            clients.client("sts").get_caller_identity()
    response = error.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (400, "Throttling")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.RESET, ConnectionError),
        (FaultKind.RESET_BODY, (ConnectionError, http.client.IncompleteRead)),
        (FaultKind.CUT_BODY, http.client.IncompleteRead),
        (FaultKind.CUT_CHUNKED, http.client.IncompleteRead),
    ],
)
def test_broken_connections(
    world: World, kind: FaultKind, error: type[Exception] | tuple[type[Exception], ...]
) -> None:
    """A connection breaks before or within the answer, and the next one works."""
    faults = FaultPlan(rules=(Rule(fault=Fault(kind=kind), attempts=frozenset({1})),))
    with running(world, faults=faults) as sim:
        with pytest.raises(error):
            list_jobs(sim)
        assert list_jobs(sim).json["items"]
        assert sim.calls.faulted == 1


def test_delay_and_hang(world: World) -> None:
    """A delayed answer is right but late; a hanging one never comes, and the connection ends after its time."""
    delay = Rule(fault=Fault(kind=FaultKind.DELAY, seconds=0.1), attempts=frozenset({1}))
    hang = Rule(fault=Fault(kind=FaultKind.HANG, seconds=0.1), attempts=frozenset({2}))
    with running(world, faults=FaultPlan(rules=(delay, hang))) as sim:
        start = time.monotonic()
        delayed = list_jobs(sim)
        assert time.monotonic() - start >= 0.1
        assert sim.calls.count(ending=Ending.DELAYED) == 1
        start = time.monotonic()
        with pytest.raises(ConnectionError):
            list_jobs(sim)
        assert time.monotonic() - start >= 0.1
        assert list_jobs(sim).json == delayed.json
        assert delayed.json == {"items": list(world.jobs_of(world.caller_account_id, "us-east-1"))}


def test_an_expired_session_stays_expired(world: World, member: str) -> None:
    """After the fault the same credentials are refused for good, and fresh ones work."""
    rule = Rule(fault=Fault(kind=FaultKind.EXPIRED), service="macie2", times=1, per=Per.ACCOUNT)
    with running(world, faults=FaultPlan(rules=(rule,))) as sim, Clients(sim) as clients:
        old = clients.macie(member)
        for _ in range(2):
            with pytest.raises(ClientError) as error:
                old.list_classification_jobs()
            assert error.value.response["Error"]["Code"] == "ExpiredTokenException"
            assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert clients.macie(member).list_classification_jobs()["items"]
        assert list_jobs(sim).status == 200, "the base credentials never expire by this fault"


def _tokens(sim: Simulator, pages: int, size: int = 3) -> tuple[list[str | None], list[list[str]]]:
    """Follow a listing for some pages; return the tokens and the ids on each page."""
    tokens: list[str | None] = []
    ids = []
    token: dict[str, Any] = {}
    for _ in range(pages):
        page = list_jobs(sim, maxResults=size, **token).json
        tokens.append(page.get("nextToken"))
        ids.append([item["jobId"] for item in page["items"]])
        if tokens[-1] is None:
            break
        token = {"nextToken": tokens[-1]}
    return tokens, ids


def test_repeated_token(world: World) -> None:
    """From the second page on the answer's token is the one that was sent."""
    with running(world, faults=plan(FaultKind.REPEATED)) as sim:
        tokens, ids = _tokens(sim, 4)
        assert sim.calls.count(ending=Ending.TWISTED) == 4
    assert tokens[0]
    assert set(tokens) == {tokens[0]}
    assert ids[1] == ids[2] != ids[0]


@pytest.mark.parametrize("cycle", [2, 3])
def test_cyclic_tokens(world: World, cycle: int) -> None:
    """The tokens come round after as many pages as the fault says, and differ in between."""
    with running(world, faults=plan(FaultKind.CYCLIC, cycle=cycle)) as sim:
        tokens, ids = _tokens(sim, 3 * cycle)
    assert len(set(tokens)) == cycle
    assert tokens[:cycle] == tokens[cycle : 2 * cycle]
    assert ids[1 : cycle + 1] == ids[cycle + 1 : 2 * cycle + 1]


@pytest.mark.parametrize("jobs", list(EndlessJobs))
def test_endless_tokens(world: World, jobs: EndlessJobs) -> None:
    """Each page has another token, with new jobs, the same jobs, or none."""
    with running(world, faults=plan(FaultKind.ENDLESS, jobs=jobs)) as sim:
        tokens, ids = _tokens(sim, 12)
    assert len(set(tokens)) == 12
    flat = [job_id for page in ids for job_id in page]
    if jobs is EndlessJobs.NEW:
        assert len(flat) == len(set(flat)) > 24
    elif jobs is EndlessJobs.SAME:
        assert all(page == ids[0] for page in ids)
    else:
        assert ids[0]
        assert not any(ids[1:])


def test_invalidated_token(world: World) -> None:
    """A later page is refused with a ValidationException as often as the rule says; the first page never is."""
    rule = Rule(fault=Fault(kind=FaultKind.INVALIDATED), times=1)
    with running(world, faults=FaultPlan(rules=(rule,))) as sim:
        token = list_jobs(sim, maxResults=3).json["nextToken"]
        answer = list_jobs(sim, maxResults=3, nextToken=token)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
        assert list_jobs(sim, maxResults=3, nextToken=token).status == 200


def test_a_job_inserted_while_paging(world: World) -> None:
    """A job that is created before the second page is read moves one job onto both pages."""
    before = len(world.jobs_of(world.caller_account_id, "us-east-1"))
    with running(world, faults=plan(FaultKind.INSERT_JOB, pages={2})) as sim:
        _, ids = _tokens(sim, 9)
        assert len(sim.world.jobs_of(world.caller_account_id, "us-east-1")) == before + 1
    assert ids[0][-1] == ids[1][0]
    assert len({job_id for page in ids for job_id in page}) == before


def test_a_fault_of_one_target_leaves_the_others_alone(world: World) -> None:
    """A rule with accounts, regions and an operation strikes only there."""
    rule = Rule(
        fault=Fault(kind=FaultKind.INTERNAL),
        operation="ListClassificationJobs",
        accounts=frozenset({world.caller_account_id}),
        regions=frozenset({"us-east-2"}),
    )
    with running(world, faults=FaultPlan(rules=(rule,))) as sim, Clients(sim) as clients:
        assert list_jobs(sim, "us-east-2").status == 500
        assert list_jobs(sim, "us-east-1").status == 200
        assert send(signed(sim, "macie2", region="us-east-2", method="GET", path="/macie")).status == 200
        assert clients.macie(list(world.accounts)[1], "us-east-2").list_classification_jobs()["items"]


def test_rate_limit(world: World) -> None:
    """A bucket lets its burst through at once, throttles the rest per region, and fills again."""
    limit = RateLimit(service="macie2", rate=20, burst=3)
    with running(world, faults=FaultPlan(rate_limits=(limit,), max_consecutive=1)) as sim:
        statuses = [list_jobs(sim).status for _ in range(5)]
        assert statuses[:3] == [200, 200, 200]
        assert 429 in statuses
        assert list_jobs(sim, "us-east-2").status == 200
        time.sleep(0.1)
        assert list_jobs(sim).status == 200
        assert sim.calls.throttled == statuses.count(429)


def _off(world: World, target: tuple[str, str]) -> bool:
    return target in world.macie_off


def _denied(world: World, target: tuple[str, str]) -> bool:
    return target in world.denied


def _role(world: World, target: tuple[str, str]) -> bool:
    return target[0] in world.roles_missing


def _suspended(world: World, target: tuple[str, str]) -> bool:
    return not world.is_active(target[0])


def _region(world: World, target: tuple[str, str]) -> bool:
    return not world.is_on(*target)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (ConditionKind.MACIE_OFF, _off),
        (ConditionKind.NOT_ONBOARDED, _off),
        (ConditionKind.DENIED, _denied),
        (ConditionKind.ROLE_MISSING, _role),
        (ConditionKind.SUSPENDED, _suspended),
        (ConditionKind.REGION_OFF, _region),
    ],
)
def test_conditions_change_the_world(kind: ConditionKind, shown: Callable[[World, tuple[str, str]], bool]) -> None:
    """As many accounts or regions as asked for are struck, they leave the truth, and the seed decides which."""
    struck = []
    for seed in (1, 1, 2):
        world = generate_world(accounts=20, regions=("us-east-1", "me-south-1"), jobs=1)
        visible = world.truth().keys()
        faults = FaultPlan(conditions=(Condition(kind=kind, count=3),), seed=seed)
        with running(world, faults=faults) as sim:
            assert len(sim.struck) == 3
            assert all(shown(world, target) for target in sim.struck)
            lost = visible - sim.world.truth().keys()
            assert {target[0] for target in lost} == {target[0] for target in sim.struck}
        struck.append(sim.struck)
    assert struck[0] == struck[1] != struck[2]


def test_conditions_by_share_and_by_name() -> None:
    """A share is rounded up; names are struck all; the caller's own account keeps its state."""
    world = generate_world(accounts=10, regions=2, jobs=1)
    member = list(world.accounts)[4]
    conditions = (
        Condition(kind=ConditionKind.MACIE_OFF, share=0.05),
        Condition(kind=ConditionKind.DENIED, accounts=frozenset({member}), regions=frozenset({"us-east-2"})),
        Condition(kind=ConditionKind.SUSPENDED),
    )
    with running(world, faults=FaultPlan(conditions=conditions)) as sim:
        assert (member, "us-east-2") in sim.struck
    assert len(world.macie_off) == 1
    assert set(world.denied) == {(member, "us-east-2")}
    assert [id_ for id_ in world.accounts if world.is_active(id_)] == [world.caller_account_id]
