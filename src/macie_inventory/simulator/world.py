"""The world that the simulator serves: an organization, its accounts and regions, Macie, and who calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from macie_inventory.simulator.jobs import Job, Jobs, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from macie_inventory.simulator.mutation import Mutation

OPT_IN_REGIONS = frozenset({"af-south-1", "ap-east-1", "eu-south-1", "il-central-1", "me-south-1"})
"""The regions with Macie that an account has to opt in to."""

MACIE_REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "sa-east-1",
    *sorted(OPT_IN_REGIONS),
)
"""The 22 regions in which Amazon Macie is offered, the five opt-in regions last."""

OTHER_REGIONS = ("ap-south-2", "ap-southeast-4", "ca-west-1", "eu-central-2", "eu-south-2", "me-central-1")
"""Regions that AWS has and Macie has not; all are opt-in."""


class AccountState(StrEnum):
    """The `State` of an account in AWS Organizations."""

    PENDING_ACTIVATION = "PENDING_ACTIVATION"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    PENDING_CLOSURE = "PENDING_CLOSURE"
    CLOSED = "CLOSED"


class StateFields(StrEnum):
    """Which of `State` and `Status` Organizations sends: AWS is replacing the second by the first."""

    BOTH = "both"
    STATE = "state"
    STATUS = "status"
    NEITHER = "neither"


class MacieOff(StrEnum):
    """In which words Macie says that it is not there."""

    NOT_ENABLED = "Macie is not enabled."
    NOT_ONBOARDED = "The account has not been onboarded to Amazon Macie."


class Denial(StrEnum):
    """What denies `macie2:ListClassificationJobs`."""

    SERVICE_CONTROL_POLICY = "with an explicit deny in a service control policy"
    IDENTITY_POLICY = "because no identity-based policy allows the {action} action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An AWS account. `parent_id` is the id of its organizational unit or of the root."""

    id: str
    name: str
    email: str
    parent_id: str = ""
    state: AccountState = AccountState.ACTIVE
    tags: Mapping[str, str] = field(default_factory=dict)
    joined_at: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    joined_method: str = "CREATED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An organizational unit. `parent_id` is the id of the unit above, or of the root."""

    id: str
    name: str
    parent_id: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An organization: its root, its tree of units, and who may ask about it.

    With `empty_pages` every second page of a listing is an empty one with a NextToken, as AWS may send them.
    """

    id: str
    root_id: str
    management_account_id: str
    units: tuple[Unit, ...] = ()
    delegated_administrators: frozenset[str] = frozenset()
    root_tags: Mapping[str, str] = field(default_factory=dict)
    page_size: int = 20
    empty_pages: bool = False
    state_fields: StateFields = StateFields.BOTH


@dataclass(slots=True, kw_only=True)
class World:
    """Everything the simulator knows; may be changed between runs, best through `mutate`.

    `caller_account_id` owns the base credentials. `regions` are those with Macie; a Macie call to any other is
    cut off, as an endpoint that does not exist would be. `regions_on` names, per account, the opt-in regions that
    are switched on (`None`, the default for an account that is absent: all of them). `role_name` exists in every
    account but `roles_missing`, trusts the caller's account, and asks for `external_id` if there is one.
    `credential_lifetime` (seconds), if given, is announced and enforced instead of the DurationSeconds asked for.
    """

    accounts: dict[str, Account]
    organization: Organization | None
    caller_account_id: str
    caller_name: str = "inventory"
    regions: tuple[str, ...] = MACIE_REGIONS
    other_regions: tuple[str, ...] = OTHER_REGIONS
    regions_on: dict[str, frozenset[str]] = field(default_factory=dict)
    macie_off: dict[Target, MacieOff] = field(default_factory=dict)
    denied: dict[Target, Denial] = field(default_factory=dict)
    jobs: Jobs = field(default_factory=Jobs)
    role_name: str = "MacieInventoryReader"
    external_id: str | None = None
    roles_missing: set[str] = field(default_factory=set)
    max_session_duration: int = 3600
    credential_lifetime: float | None = None
    default_page_size: int = 50
    max_page_size: int = 200
    partition: str = "aws"

    def __post_init__(self) -> None:
        if self.caller_account_id not in self.accounts:
            raise ValueError(f"the caller's account {self.caller_account_id} is not in the world: add it to accounts")

    @property
    def caller_arn(self) -> str:
        """The ARN of the IAM user whose access key is the base credential."""
        return f"arn:{self.partition}:iam::{self.caller_account_id}:user/{self.caller_name}"

    @property
    def mutate(self) -> Mutation:
        """What can happen to this world between two runs."""
        from macie_inventory.simulator.mutation import Mutation  # noqa: PLC0415 - it needs this module

        return Mutation(self)

    def jobs_of(self, account_id: str, region: str) -> tuple[Job, ...]:
        """Return the jobs that the account owns in the region, in the order in which they were created."""
        return self.jobs.get((account_id, region), ())

    def is_on(self, account_id: str, region: str) -> bool:
        """Tell whether the account can use the region (opt-in regions have to be switched on)."""
        if region not in OPT_IN_REGIONS and region not in self.other_regions:
            return True
        switched_on = self.regions_on.get(account_id)
        return switched_on is None or region in switched_on

    def is_active(self, account_id: str) -> bool:
        """Tell whether the account exists and is neither suspended nor closed."""
        account = self.accounts.get(account_id)
        return account is not None and account.state is AccountState.ACTIVE

    def has_role(self, account_id: str, role_name: str) -> bool:
        """Tell whether the account has the role that can be assumed from the caller's account."""
        return account_id in self.accounts and role_name == self.role_name and account_id not in self.roles_missing

    def is_visible(self, account_id: str, region: str) -> bool:
        """Tell whether an inventory can list the jobs of the account (its own, or by its role) in the region."""
        target = (account_id, region)
        return (
            self.is_active(account_id)
            and (account_id == self.caller_account_id or account_id not in self.roles_missing)
            and self.is_on(account_id, region)
            and target not in self.macie_off
            and target not in self.denied
        )

    def truth(self) -> dict[Target, tuple[Job, ...]]:
        """Return the jobs of every account and region that an inventory with all permissions would find.

        Targets that are not visible are left out: their account is inactive or has no role, their region or Macie
        is off, or the listing is denied. The caller's own account needs no role.
        """
        return {
            (account_id, region): self.jobs_of(account_id, region)
            for account_id in self.accounts
            for region in self.regions
            if self.is_visible(account_id, region)
        }
