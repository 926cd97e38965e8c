"""AssumeRole lets in exactly who is trusted, and says no as AWS does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.simulator.clients import Clients, send, signed

from macie_inventory.simulator import AccountState, Fault, FaultKind, FaultPlan, Rule, World, running

if TYPE_CHECKING:
    from collections.abc import Callable

    from macie_inventory.simulator import Simulator


def error_code(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    """Return status and code of an error."""
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_the_session_is_the_accounts(clients: Clients, member: str) -> None:
    """The minted credentials are those of the role in the account asked for."""
    credentials = clients.assume(member)
    identity = clients.client("sts", credentials=credentials).get_caller_identity()
    assert identity["Account"] == member
    assert identity["Arn"] == f"arn:aws:sts::{member}:assumed-role/MacieInventoryReader/tests"


def test_the_base_identity(clients: Clients, world: World) -> None:
    """The base credentials are those of the caller's user."""
    identity = clients.client("sts").get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (world.caller_account_id, world.caller_arn)


def _without_role(world: World, member: str) -> None:
    world.mutate.remove_role(member)


def _suspended(world: World, member: str) -> None:
    world.mutate.suspend(member)


def _closed(world: World, member: str) -> None:
    world.mutate.set_state(member, AccountState.CLOSED)


def _gone(world: World, member: str) -> None:
    world.mutate.remove_account(member)


def _external_id(world: World, member: str) -> None:  # noqa: ARG001 - one signature
    world.external_id = "secret-of-theirs"


@pytest.mark.parametrize("spoil", [_without_role, _suspended, _closed, _gone, _external_id])
def test_one_code_for_every_denial(
    clients: Clients, world: World, member: str, spoil: Callable[[World, str], None]
) -> None:
    """A missing role, an inactive or unknown account and a missing external id are all AccessDenied."""
    clients.assume(member)
    spoil(world, member)
    with pytest.raises(ClientError, match="is not authorized to perform: sts:AssumeRole on resource") as error:
        clients.assume(member)
    assert error_code(error) == (403, "AccessDenied")


def test_the_external_id_has_to_match(clients: Clients, world: World, member: str) -> None:
    """The right external id opens, another one does not."""
    world.external_id = "theirs"
    assert clients.assume(member, ExternalId="theirs")
    with pytest.raises(ClientError, match="AccessDenied"):
        clients.assume(member, ExternalId="mine")


def test_members_are_not_trusted(clients: Clients, world: World, member: str) -> None:
    """A member's session can't assume the role of another account."""
    other = list(world.accounts)[2]
    sts = clients.client("sts", credentials=clients.assume(member))
    with pytest.raises(ClientError) as error:
        sts.assume_role(RoleArn=f"arn:aws:iam::{other}:role/MacieInventoryReader", RoleSessionName="tests")
    assert error_code(error) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"RoleSessionName": "x"}, "roleSessionName"),
        ({"RoleSessionName": "a%20b"}, "roleSessionName"),
        ({"RoleArn": "arn:aws:iam::1:role/x"}, "is invalid"),
        ({"DurationSeconds": "899"}, "greater than or equal to 900"),
        ({"DurationSeconds": "43201"}, "less than or equal to 43200"),
        ({"DurationSeconds": "3601"}, "MaxSessionDuration"),
        ({"DurationSeconds": "soon"}, "not a number"),
        ({"ExternalId": "x"}, "externalId"),
    ],
)
def test_malformed_parameters(sim: Simulator, member: str, params: dict[str, str], word: str) -> None:
    """Each parameter outside of its bounds is a ValidationError that names it."""
    form = {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": f"arn:aws:iam::{member}:role/MacieInventoryReader",
        "RoleSessionName": "tests",
        **params,
    }
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    answer = send(signed(sim, "sts", body=body))
    assert answer.status == 400
    assert b"<Code>ValidationError</Code>" in answer.body
    assert word in answer.body.decode()


def test_chained_roles_are_short(clients: Clients, world: World) -> None:
    """A session of the caller's own account may assume roles, but for an hour at most."""
    world.roles_missing.clear()
    world.max_session_duration = 43_200
    chained = clients.client("sts", credentials=clients.assume(world.caller_account_id))
    arn = f"arn:aws:iam::{list(world.accounts)[2]}:role/MacieInventoryReader"
    assert chained.assume_role(RoleArn=arn, RoleSessionName="tests", DurationSeconds=3600)
    with pytest.raises(ClientError, match="role chaining"):
        chained.assume_role(RoleArn=arn, RoleSessionName="tests", DurationSeconds=3601)


def test_announced_and_real_expiry(clients: Clients, world: World, member: str) -> None:
    """The announced expiry is the duration asked for, or the world's lifetime, and it is kept."""
    now = datetime.now(UTC)
    assert 890 < (clients.assume(member, DurationSeconds=900)["Expiration"] - now).total_seconds() <= 901  # type: ignore[operator]
    world.credential_lifetime = 0
    credentials = clients.assume(member)
    with pytest.raises(ClientError) as error:
        clients.client("sts", credentials=credentials).get_caller_identity()
    assert error_code(error) == (403, "ExpiredToken")


def test_early_expiry_and_wrong_account(world: World, member: str) -> None:
    """A fault can let credentials die before their time, and another can hand out those of another account."""
    early = Rule(fault=Fault(kind=FaultKind.EARLY_EXPIRY, seconds=0), attempts=frozenset({1}))
    wrong = Rule(fault=Fault(kind=FaultKind.WRONG_ACCOUNT), attempts=frozenset({2}))
    with running(world, faults=FaultPlan(rules=(early, wrong))) as sim, Clients(sim) as clients:
        dead = clients.assume(member)
        assert dead["Expiration"] > datetime.now(UTC)  # type: ignore[operator]
        with pytest.raises(ClientError, match="ExpiredToken"):
            clients.client("sts", credentials=dead).get_caller_identity()
        mixed_up = clients.client("sts", credentials=clients.assume(member)).get_caller_identity()
        assert mixed_up["Account"] != member
        assert clients.client("sts", credentials=clients.assume(member)).get_caller_identity()["Account"] == member


def test_expired_base_credentials(sim: Simulator, clients: Clients, member: str) -> None:
    """Base credentials that have expired are refused until the simulator is reset."""
    sim.expire_base()
    with pytest.raises(ClientError, match="ExpiredToken"):
        clients.assume(member)
    sim.reset()
    assert clients.assume(member)
