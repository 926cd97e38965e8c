"""Every answer has the shape that botocore's service models give it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.simulator.clients import Answer, Clients, list_jobs, organizations, send, signed
from tests.simulator.shapes import flaws, from_xml, model, output, parse_xml

from macie_inventory.simulator import MacieOff, Simulator, World

if TYPE_CHECKING:
    from collections.abc import Callable


def _organizations_calls(world: World) -> dict[str, dict[str, object]]:
    organization = world.organization
    assert organization is not None
    return {
        "ListAccounts": {},
        "DescribeOrganization": {},
        "ListRoots": {},
        "ListOrganizationalUnitsForParent": {"ParentId": organization.root_id},
        "ListAccountsForParent": {"ParentId": organization.root_id},
        "ListParents": {"ChildId": organization.units[-2].id},
        "ListTagsForResource": {"ResourceId": organization.units[0].id},
    }


def test_organizations(sim: Simulator, world: World) -> None:
    """Every operation of Organizations answers in json 1.1 with known members only, and not with nothing."""
    for operation, params in _organizations_calls(world).items():
        answer = organizations(sim, operation, **params)
        assert answer.status == 200, answer.body
        assert answer.headers["content-type"] == "application/x-amz-json-1.1"
        assert answer.headers["x-amzn-requestid"]
        assert flaws(output("organizations", operation), answer.json) == []
        assert all(answer.json.values())


def test_macie(sim: Simulator, world: World) -> None:
    """The listing, the description of every job and the session of Macie have no unknown and no odd member."""
    for region in world.regions:
        listing = list_jobs(sim, region, maxResults=3)
        assert listing.headers["content-type"] == "application/json"
        assert flaws(output("macie2", "ListClassificationJobs"), listing.json) == []
        assert len(listing.json["items"]) == 3
        for job in world.jobs_of(world.caller_account_id, region):
            described = send(signed(sim, "macie2", region=region, method="GET", path=f"/jobs/{job.job_id}"))
            assert flaws(output("macie2", "DescribeClassificationJob"), described.json) == []
            assert described.json["jobId"] == job.job_id
    session = send(signed(sim, "macie2", method="GET", path="/macie"))
    assert flaws(output("macie2", "GetMacieSession"), session.json) == []


def test_every_generated_job(world: World) -> None:
    """Every generated job is a legal item of the listing, and together they use each member of the model."""
    shape = output("macie2", "ListClassificationJobs").members["items"].member
    seen: set[str] = set()
    for jobs in world.jobs.values():
        for job in jobs:
            assert flaws(shape, json.loads(job.body)) == []
            seen |= job.keys()
    assert seen == set(shape.members)


def test_account(sim: Simulator) -> None:
    """ListRegions answers with known members only."""
    answer = send(signed(sim, "account", path="/listRegions", body=b"{}"))
    assert answer.status == 200
    assert flaws(output("account", "ListRegions"), answer.json) == []
    assert answer.json["Regions"]


def _form(**params: str) -> bytes:
    return "&".join(f"{name}={value}" for name, value in params.items()).encode()


_FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


def _query(sim: Simulator, service: str, **params: str) -> Answer:
    return send(signed(sim, service, body=_form(**params), headers=_FORM_TYPE))


def test_sts(sim: Simulator, member: str) -> None:
    """AssumeRole and GetCallerIdentity answer in the query protocol's XML, wrapped as the model says."""
    role = f"arn:aws:iam::{member}:role/MacieInventoryReader"
    calls = {"GetCallerIdentity": {}, "AssumeRole": {"RoleArn": role, "RoleSessionName": "tests"}}
    for operation, params in calls.items():
        answer = _query(sim, "sts", Action=operation, Version="2011-06-15", **params)
        assert answer.status == 200, answer.body
        assert answer.headers["content-type"].startswith("text/xml")
        root, namespace = parse_xml(answer.body)
        assert namespace == model("sts").metadata["xmlNamespace"]
        assert root.tag == f"{operation}Response"
        shape = output("sts", operation)
        result = root.find(shape.serialization["resultWrapper"])
        assert result is not None
        value = from_xml(shape, result)
        assert value
        assert flaws(shape, value) == []
        assert root.findtext("ResponseMetadata/RequestId") == answer.headers["x-amzn-requestid"]


def test_ec2(sim: Simulator) -> None:
    """DescribeRegions answers in EC2's XML with known members only."""
    answer = _query(sim, "ec2", Action="DescribeRegions", Version="2016-11-15")
    assert answer.status == 200, answer.body
    root, _ = parse_xml(answer.body)
    request_id = root.find("requestId")
    assert request_id is not None
    root.remove(request_id)
    shape = output("ec2", "DescribeRegions")
    value = from_xml(shape, root)
    assert flaws(shape, value) == []
    assert value["regionInfo"]


def _macie_off(sim: Simulator, world: World) -> Answer:
    world.mutate.macie_off(world.caller_account_id, "us-east-1", MacieOff.NOT_ENABLED)
    return list_jobs(sim)


def _unknown_job(sim: Simulator, _: World) -> Answer:
    return send(signed(sim, "macie2", method="GET", path="/jobs/none"))


def _bad_token(sim: Simulator, _: World) -> Answer:
    return list_jobs(sim, nextToken="none")


@pytest.mark.parametrize(
    ("provoke", "code"),
    [
        (_macie_off, "AccessDeniedException"),
        (_unknown_job, "ResourceNotFoundException"),
        (_bad_token, "ValidationException"),
    ],
)
def test_rest_json_errors(
    sim: Simulator, world: World, provoke: Callable[[Simulator, World], Answer], code: str
) -> None:
    """A Macie error has the model's status, its code in a header, and its message in the body."""
    answer = provoke(sim, world)
    shape = model("macie2").shape_for(code)
    assert answer.status == shape.metadata["error"]["httpStatusCode"]
    assert answer.headers["x-amzn-errortype"] == code
    assert answer.headers["x-amzn-requestid"]
    assert flaws(shape, answer.json) == []
    assert answer.json["message"]


def test_json_errors(sim: Simulator) -> None:
    """An Organizations error has status 400 and its code in `__type`, and botocore's model knows the code."""
    answer = organizations(sim, "ListAccountsForParent", ParentId="r-none")
    assert answer.status == 400
    assert answer.json["__type"] == "ParentNotFoundException"
    shape = model("organizations").shape_for("ParentNotFoundException")
    members = {name: value for name, value in answer.json.items() if name != "__type"}
    assert flaws(shape, members) == []


def test_query_errors(sim: Simulator) -> None:
    """An STS error is an ErrorResponse with type, code and message; an EC2 error is EC2's own document."""
    sts, _ = parse_xml(_query(sim, "sts", Action="AssumeRole", Version="2011-06-15").body)
    assert sts.tag == "ErrorResponse"
    assert sts.findtext("Error/Type") == "Sender"
    assert sts.findtext("Error/Code") == "ValidationError"
    assert "roleArn" in (sts.findtext("Error/Message") or "")
    ec2, _ = parse_xml(
        _query(sim, "ec2", Action="DescribeRegions", Version="2016-11-15", **{"RegionName.1": "none"}).body
    )
    assert ec2.findtext("Errors/Error/Code") == "InvalidParameterValue"
    assert ec2.findtext("RequestID")


def test_clients_see_what_is_served(clients: Clients, world: World, member: str) -> None:
    """boto3 reads every page of an account's jobs as the world has them."""
    macie = clients.macie(member, "us-west-1")
    pages = macie.get_paginator("list_classification_jobs").paginate(maxResults=3)
    assert [item["jobId"] for page in pages for item in page["items"]] == [
        job.job_id for job in world.jobs_of(member, "us-west-1")
    ]
