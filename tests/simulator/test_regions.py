"""Both ways to ask which regions are on give the same, true answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from macie_inventory.simulator import World, generate_world

if TYPE_CHECKING:
    from tests.simulator.clients import Clients


@pytest.fixture
def world() -> World:
    """Return an organization with one opt-in region among those with Macie."""
    return generate_world(accounts=3, regions=("us-east-1", "me-south-1"), jobs=0)


def test_both_services_agree(clients: Clients, world: World, member: str) -> None:
    """A region that an account switched off is off in both answers, and on for the others."""
    world.mutate.region_off(member, "me-south-1")
    account = clients.client("account")
    pages = account.get_paginator("list_regions").paginate(AccountId=member, PaginationConfig={"PageSize": 3})
    states = {region["RegionName"]: region["RegionOptStatus"] for page in pages for region in page["Regions"]}
    assert states["us-east-1"] == "ENABLED_BY_DEFAULT"
    assert states["me-south-1"] == "DISABLED"
    assert len(states) == 2 + len(world.other_regions)
    ec2 = clients.client("ec2", credentials=clients.assume(member))
    on = {region["RegionName"] for region in ec2.describe_regions()["Regions"]}
    assert on == {name for name, state in states.items() if state != "DISABLED"}
    every = {region["RegionName"]: region["OptInStatus"] for region in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert every["me-south-1"] == "not-opted-in"
    assert every["us-east-1"] == "opt-in-not-required"
    own = account.list_regions(RegionOptStatusContains=["ENABLED"])["Regions"]
    assert "me-south-1" in {region["RegionName"] for region in own}


def test_who_may_ask_about_others(clients: Clients, world: World, member: str) -> None:
    """A member may ask about itself, and only the management account about others."""
    account = clients.client("account", credentials=clients.assume(member))
    assert account.list_regions()["Regions"]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        account.list_regions(AccountId=world.caller_account_id)


def test_unknown_region_names(clients: Clients) -> None:
    """DescribeRegions refuses names that do not exist and answers for those that do."""
    ec2 = clients.client("ec2")
    answer = ec2.describe_regions(RegionNames=["us-east-1"])["Regions"]
    assert [region["RegionName"] for region in answer] == ["us-east-1"]
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        ec2.describe_regions(RegionNames=["nowhere-1"])
