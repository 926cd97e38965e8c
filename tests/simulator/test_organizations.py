"""Organizations lists all and only what the world has, page by page."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.simulator.clients import Clients, organizations

from macie_inventory.simulator import AccountState, StateFields, World, generate_world, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from macie_inventory.simulator import Organization, Simulator


@pytest.fixture
def world() -> World:
    """Return an organization of three pages of accounts."""
    return generate_world(accounts=45, regions=1, jobs=0, seed=3)


def organization_of(world: World) -> Organization:
    """Return the organization of a world that has one."""
    assert world.organization is not None
    return world.organization


def list_all(client: Any, operation: str, member: str, **params: object) -> list[dict[str, Any]]:  # noqa: ANN401 - boto3
    """Return everything that a paginated operation lists."""
    return [item for page in client.get_paginator(operation).paginate(**params) for item in page[member]]


@pytest.mark.parametrize("empty_pages", [False, True])
def test_every_account_once(clients: Clients, world: World, *, empty_pages: bool) -> None:
    """The pages, empty ones in between or not, hold each account once."""
    world.organization = replace(organization_of(world), empty_pages=empty_pages)
    pages = list(clients.client("organizations").get_paginator("list_accounts").paginate())
    sizes = [len(page["Accounts"]) for page in pages]
    assert sizes == ([20, 0, 20, 0, 5] if empty_pages else [20, 20, 5])
    assert [account["Id"] for page in pages for account in page["Accounts"]] == list(world.accounts)


def test_the_tree_holds_every_account_once(clients: Clients, world: World) -> None:
    """Walking down from the root finds each account under its unit, and ListParents says the same."""
    client = clients.client("organizations")
    root = client.list_roots()["Roots"][0]["Id"]
    found: dict[str, str] = {}
    to_visit = [root]
    while to_visit:
        parent = to_visit.pop()
        for account in list_all(client, "list_accounts_for_parent", "Accounts", ParentId=parent):
            found[account["Id"]] = parent
        units = list_all(client, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent)
        to_visit += [unit["Id"] for unit in units]
    assert found == {account.id: account.parent_id for account in world.accounts.values()}
    for account_id, parent in list(found.items())[:3]:
        assert client.list_parents(ChildId=account_id)["Parents"][0]["Id"] == parent


def test_tags(clients: Clients, world: World) -> None:
    """The tags of an account, a unit and the root are the world's."""
    client = clients.client("organizations")
    organization = organization_of(world)
    for resource, tags in [
        (world.caller_account_id, world.accounts[world.caller_account_id].tags),
        (organization.units[0].id, organization.units[0].tags),
        (organization.root_id, {}),
    ]:
        answered = client.list_tags_for_resource(ResourceId=resource)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in answered} == tags


@pytest.mark.parametrize("fields", list(StateFields))
def test_state_and_status(clients: Clients, world: World, fields: StateFields) -> None:
    """State, Status, both or neither are sent, and both tell of a suspended account."""
    world.organization = replace(organization_of(world), state_fields=fields)
    world.mutate.suspend(world.caller_account_id)
    account = clients.client("organizations").list_accounts()["Accounts"][0]
    expected = {
        StateFields.BOTH: {"State": "SUSPENDED", "Status": "SUSPENDED"},
        StateFields.STATE: {"State": "SUSPENDED"},
        StateFields.STATUS: {"Status": "SUSPENDED"},
        StateFields.NEITHER: {},
    }[fields]
    assert {name: account[name] for name in ("State", "Status") if name in account} == expected


def test_states_that_status_lacks(clients: Clients, world: World) -> None:
    """A state that the older Status has no word for is told by the nearest one."""
    world.mutate.set_state(world.caller_account_id, AccountState.CLOSED)
    account = clients.client("organizations").list_accounts()["Accounts"][0]
    assert (account["State"], account["Status"]) == ("CLOSED", "SUSPENDED")


def test_who_may_ask(clients: Clients, world: World) -> None:
    """The management account and delegated administrators may list; a member may only describe."""
    member = list(world.accounts)[1]
    client = clients.client("organizations", credentials=clients.assume(member))
    assert client.describe_organization()["Organization"]["Id"] == organization_of(world).id
    with pytest.raises(ClientError, match="AccessDeniedException"):
        client.list_accounts()
    world.organization = replace(organization_of(world), delegated_administrators=frozenset({member}))
    assert client.list_accounts()["Accounts"]


def test_no_organization(clients: Clients, world: World) -> None:
    """An account outside of an organization is told so."""
    world.organization = None
    with pytest.raises(ClientError, match="AWSOrganizationsNotInUseException"):
        clients.client("organizations").describe_organization()


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("ListAccounts", {"NextToken": "none"}, "InvalidInputException"),
        ("ListAccounts", {"MaxResults": 21}, "InvalidInputException"),
        ("ListAccountsForParent", {"ParentId": "r-none"}, "ParentNotFoundException"),
        ("ListOrganizationalUnitsForParent", {"ParentId": "r-none"}, "ParentNotFoundException"),
        ("ListParents", {"ChildId": "000000000000"}, "ChildNotFoundException"),
        ("ListTagsForResource", {"ResourceId": "000000000000"}, "TargetNotFoundException"),
        ("DeleteOrganization", {}, "UnknownOperationException"),
    ],
)
def test_refusals(sim: Simulator, operation: str, params: dict[str, object], code: str) -> None:
    """What does not exist is refused with the operation's own code and status 400."""
    answer = organizations(sim, operation, **params)
    assert (answer.status, answer.json["__type"]) == (400, code)


def test_a_token_belongs_to_its_listing(sim: Simulator, world: World) -> None:
    """The token of one listing is refused by another."""
    token = organizations(sim, "ListAccounts").json["NextToken"]
    assert organizations(sim, "ListAccounts", NextToken=token).status == 200
    other = organizations(sim, "ListAccountsForParent", ParentId=organization_of(world).root_id, NextToken=token)
    assert other.json["__type"] == "InvalidInputException"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Start moto's server, an independent imitation of AWS, and return its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def kinds(value: object) -> object:
    """Return the names and types of an answer, without its values; lists by their first item."""
    if isinstance(value, dict):
        return {
            name: kinds(item) for name, item in value.items() if name not in {"ResponseMetadata", "PackedPolicySize"}
        }
    if isinstance(value, list):
        return [kinds(value[0])] if value else []
    return type(value).__name__


def ask_all(client: Any, sts: Any) -> dict[str, object]:  # noqa: ANN401 - boto3 has no types
    """Ask everything that both imitations know, and return the answers' shapes and the errors' codes."""
    root = client.list_roots()["Roots"][0]["Id"]
    accounts = list_all(client, "list_accounts", "Accounts")
    account = accounts[-1]["Id"]
    units = client.list_organizational_units_for_parent(ParentId=root)
    role = f"arn:aws:iam::{account}:role/MacieInventoryReader"
    answers = {
        "roots": client.list_roots(),
        "accounts": client.list_accounts(),
        "organization": client.describe_organization(),
        "units": units,
        "below": client.list_accounts_for_parent(ParentId=root),
        "parents": client.list_parents(ChildId=account),
        "tags": client.list_tags_for_resource(ResourceId=account),
        "identity": sts.get_caller_identity(),
        "assumed": sts.assume_role(RoleArn=role, RoleSessionName="tests"),
    }
    codes = {}
    for operation, params in {
        "list_accounts_for_parent": {"ParentId": "r-none"},
        "list_tags_for_resource": {"ResourceId": "000000000000"},
    }.items():
        with pytest.raises(ClientError) as error:
            getattr(client, operation)(**params)
        response = error.value.response
        codes[operation] = (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"])
    return {**{name: kinds(answer) for name, answer in answers.items()}, **codes}


def test_moto_answers_in_the_same_shapes(moto: str) -> None:
    """Moto and the simulator answer the same requests with the same members, types and error codes."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
    session = boto3.session.Session(**keys)
    client, sts = session.client("organizations", endpoint_url=moto), session.client("sts", endpoint_url=moto)
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    client.create_organizational_unit(ParentId=root, Name="Security")
    client.create_account(AccountName="x", Email="x@example.com", Tags=[{"Key": "team", "Value": "a"}])
    theirs = ask_all(client, sts)
    client.close()
    sts.close()
    world = generate_world(accounts=2, regions=1, jobs=0, seed=5)
    member = world.accounts[list(world.accounts)[1]]
    world.accounts[member.id] = replace(member, tags={"team": "a"}, parent_id=organization_of(world).root_id)
    with running(world) as sim, Clients(sim) as clients:
        ours = ask_all(clients.client("organizations"), clients.client("sts"))
    assert json.dumps(ours, indent=1, sort_keys=True) == json.dumps(theirs, indent=1, sort_keys=True)
