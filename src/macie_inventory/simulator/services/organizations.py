"""AWS Organizations: the reading operations that an inventory needs.

Source: AWS Organizations API reference, version 2016-11-28.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from macie_inventory.simulator.api import ApiError, Call, Result
from macie_inventory.simulator.tokens import InvalidTokenError, Position, Tokens
from macie_inventory.simulator.world import Account, AccountState, Organization, StateFields, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from macie_inventory.simulator.faults import Fault
    from macie_inventory.simulator.world import World

_PAGE = 20
_STATUS = {AccountState.PENDING_ACTIVATION: "ACTIVE", AccountState.CLOSED: "SUSPENDED"}


class Organizations:
    """The service of one world."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world = world
        self._tokens = tokens

    def handle(self, call: Call, fault: Fault | None) -> Result:  # noqa: ARG002 - one signature for all services
        """Answer a call; ApiError when it is refused."""
        organization = self._world.organization
        if organization is None or call.signer.account_id not in self._world.accounts:
            message = "Your account is not a member of an organization."
            raise ApiError(400, "AWSOrganizationsNotInUseException", message)
        allowed = organization.delegated_administrators | {organization.management_account_id}
        if call.operation == "DescribeOrganization":
            return self._describe(organization)
        if call.signer.account_id not in allowed:
            message = "You don't have permissions to access this resource."
            raise ApiError(400, "AccessDeniedException", message)
        member, items = self._listed(call, organization)
        return self._page(call, organization, member, items)

    def _listed(self, call: Call, organization: Organization) -> tuple[str, Sequence[object]]:
        """Return the member of the result that lists, and all that it lists."""
        match call.operation:
            case "ListAccounts":
                return "Accounts", self._accounts(organization, None)
            case "ListAccountsForParent":
                return "Accounts", self._accounts(organization, self._parent(call, organization))
            case "ListRoots":
                return "Roots", [self._root(organization)]
            case "ListOrganizationalUnitsForParent":
                parent = self._parent(call, organization)
                units = [self._unit(organization, unit) for unit in organization.units if unit.parent_id == parent]
                return "OrganizationalUnits", units
            case "ListParents":
                return "Parents", [self._parent_of(call, organization)]
            case "ListTagsForResource":
                tags = self._tags(call, organization)
                return "Tags", [{"Key": key, "Value": value} for key, value in tags.items()]
        raise ApiError(400, "UnknownOperationException", f"The simulator does not offer {call.action}.")

    def _page(self, call: Call, organization: Organization, member: str, items: Sequence[object]) -> Result:
        query = {key: value for key, value in call.params.items() if key not in {"NextToken", "MaxResults"}}
        listing = f"{call.signer.account_id}/{call.operation}/{sorted(query.items())}"
        try:
            position = self._tokens.read(listing, call.params.get("NextToken"))
        except InvalidTokenError:
            message = "You provided an invalid value for NextToken."
            raise _invalid_input("INVALID_NEXT_TOKEN", message) from None
        size = self._size(call, organization)
        if organization.empty_pages and position.page % 2 == 0:
            size = 0
        end = position.offset + size
        result: dict[str, object] = {member: items[position.offset : end]}
        if end < len(items):
            result["NextToken"] = self._tokens.issue(listing, Position(page=position.page + 1, offset=end))
        return result

    def _size(self, call: Call, organization: Organization) -> int:
        size = call.params.get("MaxResults", organization.page_size)
        if not isinstance(size, int) or not 1 <= size <= _PAGE:
            raise _invalid_input("MAX_VALUE_EXCEEDED", "You provided a value for MaxResults that isn't from 1 to 20.")
        return min(size, organization.page_size)

    def _parent(self, call: Call, organization: Organization) -> str:
        parent_id = str(call.params.get("ParentId"))
        if parent_id != organization.root_id and _unit_of(organization, parent_id) is None:
            message = "You specified parent that doesn't exist."
            raise ApiError(400, "ParentNotFoundException", message)
        return parent_id

    def _parent_of(self, call: Call, organization: Organization) -> dict[str, object]:
        child_id = str(call.params.get("ChildId"))
        child = self._world.accounts.get(child_id) or _unit_of(organization, child_id)
        if child is None:
            raise ApiError(400, "ChildNotFoundException", "You specified a child that doesn't exist.")
        parent_id = child.parent_id or organization.root_id
        return {"Id": parent_id, "Type": "ROOT" if parent_id == organization.root_id else "ORGANIZATIONAL_UNIT"}

    def _tags(self, call: Call, organization: Organization) -> Mapping[str, str]:
        resource_id = str(call.params.get("ResourceId"))
        if resource_id == organization.root_id:
            return organization.root_tags
        resource = self._world.accounts.get(resource_id) or _unit_of(organization, resource_id)
        if resource is None:
            raise ApiError(400, "TargetNotFoundException", "You specified a target that doesn't exist.")
        return resource.tags

    def _accounts(self, organization: Organization, parent_id: str | None) -> list[dict[str, object]]:
        return [
            self._account(organization, account)
            for account in self._world.accounts.values()
            if parent_id is None or (account.parent_id or organization.root_id) == parent_id
        ]

    def _account(self, organization: Organization, account: Account) -> dict[str, object]:
        described: dict[str, object] = {
            "Id": account.id,
            "Arn": self._arn(organization, "account", account.id),
            "Email": account.email,
            "Name": account.name,
            "JoinedMethod": account.joined_method,
            "JoinedTimestamp": account.joined_at.timestamp(),
        }
        if organization.state_fields in {StateFields.BOTH, StateFields.STATE}:
            described["State"] = account.state.value
        if organization.state_fields in {StateFields.BOTH, StateFields.STATUS}:
            described["Status"] = _STATUS.get(account.state, account.state.value)
        return described

    def _unit(self, organization: Organization, unit: Unit) -> dict[str, object]:
        return {"Id": unit.id, "Arn": self._arn(organization, "ou", unit.id), "Name": unit.name}

    def _root(self, organization: Organization) -> dict[str, object]:
        root_id = organization.root_id
        return {"Id": root_id, "Arn": self._arn(organization, "root", root_id), "Name": "Root", "PolicyTypes": []}

    def _describe(self, organization: Organization) -> Result:
        management = self._world.accounts[organization.management_account_id]
        prefix = f"arn:{self._world.partition}:organizations::{management.id}"
        return {
            "Organization": {
                "Id": organization.id,
                "Arn": f"{prefix}:organization/{organization.id}",
                "FeatureSet": "ALL",
                "MasterAccountArn": self._arn(organization, "account", management.id),
                "MasterAccountId": management.id,
                "MasterAccountEmail": management.email,
                "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
            }
        }

    def _arn(self, organization: Organization, kind: str, resource_id: str) -> str:
        owner = organization.management_account_id
        return f"arn:{self._world.partition}:organizations::{owner}:{kind}/{organization.id}/{resource_id}"


def _unit_of(organization: Organization, unit_id: str) -> Unit | None:
    return next((unit for unit in organization.units if unit.id == unit_id), None)


def _invalid_input(reason: str, message: str) -> ApiError:
    return ApiError(400, "InvalidInputException", f"{reason}: {message}")
