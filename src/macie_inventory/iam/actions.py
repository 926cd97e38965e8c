"""Every AWS operation that the program calls, with who calls it and when; all policies are made from this table.

Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/ (list_amazonmacie.html,
list_awsorganizations.html, list_awssecuritytokenservice.html)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["OPERATIONS", "Caller", "Feature", "Operation", "actions"]


class Caller(StrEnum):
    """Whose credentials sign the call."""

    COLLECTOR = "collector"
    MEMBER = "member role"


class Feature(StrEnum):
    """What has to be wanted for an operation to be called."""

    LISTING = "every run"
    MEMBERS = "accounts other than the caller's"
    ORGANIZATION = "--discovery organization (default)"
    ACCOUNT_TAGS = "--account-tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation: `action` is its IAM action, None where AWS asks for no permission."""

    service: str
    name: str
    caller: Caller
    feature: Feature
    purpose: str
    needs_permission: bool = True

    @property
    def action(self) -> str:
        """The IAM action, such as `macie2:ListClassificationJobs`."""
        return f"{self.service}:{self.name}"


OPERATIONS = (
    Operation(
        service="macie2",
        name="ListClassificationJobs",
        caller=Caller.MEMBER,
        feature=Feature.LISTING,
        purpose="the inventory itself",
    ),
    Operation(
        service="sts",
        name="GetCallerIdentity",
        caller=Caller.COLLECTOR,
        feature=Feature.LISTING,
        purpose="whose the credentials are; AWS allows it to everyone",
        needs_permission=False,
    ),
    Operation(
        service="sts",
        name="AssumeRole",
        caller=Caller.COLLECTOR,
        feature=Feature.MEMBERS,
        purpose="the member role of each account",
    ),
    Operation(
        service="organizations",
        name="ListAccounts",
        caller=Caller.COLLECTOR,
        feature=Feature.ORGANIZATION,
        purpose="the accounts",
    ),
    Operation(
        service="organizations",
        name="ListRoots",
        caller=Caller.COLLECTOR,
        feature=Feature.ORGANIZATION,
        purpose="the top of the tree",
    ),
    Operation(
        service="organizations",
        name="ListOrganizationalUnitsForParent",
        caller=Caller.COLLECTOR,
        feature=Feature.ORGANIZATION,
        purpose="the units below it",
    ),
    Operation(
        service="organizations",
        name="ListAccountsForParent",
        caller=Caller.COLLECTOR,
        feature=Feature.ORGANIZATION,
        purpose="which account stands in which unit",
    ),
    Operation(
        service="organizations",
        name="ListTagsForResource",
        caller=Caller.COLLECTOR,
        feature=Feature.ACCOUNT_TAGS,
        purpose="the tags of each account",
    ),
)


def actions(caller: Caller, features: Collection[Feature]) -> list[str]:
    """Give the IAM actions that a caller needs for these features, in the order of the table."""
    return [
        operation.action
        for operation in OPERATIONS
        if operation.caller is caller and operation.feature in features and operation.needs_permission
    ]
