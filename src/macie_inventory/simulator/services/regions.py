"""The two operations that tell which regions an account can use: `account:ListRegions`, `ec2:DescribeRegions`.

Source: AWS Account Management API reference 2021-02-01; Amazon EC2 API reference 2016-11-15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from macie_inventory.simulator.api import ApiError, Call, Result
from macie_inventory.simulator.tokens import InvalidTokenError, Position, Tokens
from macie_inventory.simulator.world import OPT_IN_REGIONS

if TYPE_CHECKING:
    from macie_inventory.simulator.faults import Fault
    from macie_inventory.simulator.world import World

_PAGE = 50


class Regions:
    """Both services of one world."""

    def __init__(self, world: World, tokens: Tokens) -> None:
        self._world = world
        self._tokens = tokens

    def handle(self, call: Call, fault: Fault | None) -> Result:  # noqa: ARG002 - one signature for all services
        """Answer a call; ApiError when it is refused."""
        if call.action == "account:ListRegions":
            return self._list_regions(call)
        if call.action == "ec2:DescribeRegions":
            return self._describe_regions(call)
        raise ApiError(400, "InvalidAction", f"The simulator does not offer {call.action}.")

    def _regions(self) -> list[str]:
        return sorted({*self._world.regions, *self._world.other_regions})

    def _opt_in(self, region: str) -> bool:
        return region in OPT_IN_REGIONS or region in self._world.other_regions

    def _list_regions(self, call: Call) -> Result:
        account_id = str(call.params.get("AccountId", call.signer.account_id))
        self._authorize(call, account_id)
        wanted = call.params.get("RegionOptStatusContains")
        regions = [
            {"RegionName": region, "RegionOptStatus": self._opt_status(account_id, region)}
            for region in self._regions()
        ]
        if isinstance(wanted, list) and wanted:
            regions = [region for region in regions if region["RegionOptStatus"] in wanted]
        size = call.params.get("MaxResults", _PAGE)
        if not isinstance(size, int) or not 1 <= size <= _PAGE:
            raise ApiError(400, "ValidationException", "MaxResults has to be from 1 to 50.")
        listing = f"{call.signer.account_id}/{account_id}/{wanted}"
        try:
            position = self._tokens.read(listing, call.params.get("NextToken"))
        except InvalidTokenError:
            raise ApiError(400, "ValidationException", "The provided NextToken is invalid.") from None
        end = position.offset + size
        result: dict[str, object] = {"Regions": regions[position.offset : end]}
        if end < len(regions):
            result["NextToken"] = self._tokens.issue(listing, Position(page=position.page + 1, offset=end))
        return result

    def _authorize(self, call: Call, account_id: str) -> None:
        organization, signer = self._world.organization, call.signer.account_id
        if account_id == signer and "AccountId" not in call.params:
            return
        allowed = (
            organization.delegated_administrators | {organization.management_account_id}
            if organization
            else frozenset()
        )
        if signer not in allowed or account_id not in self._world.accounts:
            message = f"User: {call.signer.arn} is not authorized to perform: account:ListRegions"
            raise ApiError(403, "AccessDeniedException", message)

    def _opt_status(self, account_id: str, region: str) -> str:
        if not self._opt_in(region):
            return "ENABLED_BY_DEFAULT"
        return "ENABLED" if self._world.is_on(account_id, region) else "DISABLED"

    def _describe_regions(self, call: Call) -> Result:
        every = str(call.params.get("AllRegions", "false")).lower() == "true"
        names = {str(value) for key, value in call.params.items() if key.startswith("RegionName.")}
        unknown = names.difference(self._regions())
        if unknown:
            raise ApiError(400, "InvalidParameterValue", f"Invalid region names provided: {', '.join(sorted(unknown))}")
        return {
            "Regions": [
                {
                    "RegionName": region,
                    "Endpoint": f"ec2.{region}.amazonaws.com",
                    "OptInStatus": self._opt_in_status(call.signer.account_id, region),
                }
                for region in self._regions()
                if (not names or region in names) and (every or self._world.is_on(call.signer.account_id, region))
            ]
        }

    def _opt_in_status(self, account_id: str, region: str) -> str:
        if not self._opt_in(region):
            return "opt-in-not-required"
        return "opted-in" if self._world.is_on(account_id, region) else "not-opted-in"
