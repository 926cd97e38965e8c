"""Discover: the organization's accounts, and where in its tree they stand.

Source: https://docs.aws.amazon.com/organizations/latest/APIReference/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from macie_inventory.aws.failures import CallError
from macie_inventory.aws.retry import Tally, repeat
from macie_inventory.errors import DiscoveryError, UsageError
from macie_inventory.model import Account
from macie_inventory.outcome import DENIED_CODES, Failure, Kind, Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from macie_inventory.aws.limits import OrganizationsLimits
    from macie_inventory.backoff import RetryPolicy

__all__ = ["Organizations", "Tree"]

HURRIED_ATTEMPTS = 5
"""Tries of a call that a run can do without."""

_METHODS = {
    "ListAccounts": ("list_accounts", "Accounts"),
    "ListRoots": ("list_roots", "Roots"),
    "ListOrganizationalUnitsForParent": ("list_organizational_units_for_parent", "OrganizationalUnits"),
    "ListAccountsForParent": ("list_accounts_for_parent", "Accounts"),
    "ListTagsForResource": ("list_tags_for_resource", "Tags"),
}
_OU_ID = re.compile(r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The organization's units: the path of each, and the units above each account, nearest first."""

    paths: Mapping[str, str]
    above: Mapping[str, tuple[str, ...]] = field(repr=False)

    def resolve(self, text: str, option: str) -> str:
        """Give the id of the unit that an option names, by id or by path with or without the root's name."""
        if text in self.paths:
            return text
        wanted = "/" + text.strip("/")
        for unit_id, path in self.paths.items():
            if text.startswith("/") and wanted in (path, "/" + path.partition("/")[2].partition("/")[2]):
                return unit_id
        raise UsageError(
            f"{option} {text!r}: the organization has no such unit; there are {', '.join(sorted(self.paths.values())[:10])}"
        )

    def parent_id(self, account_id: str) -> str | None:
        """Give the unit that an account stands in."""
        return next(iter(self.above.get(account_id, ())), None)

    def path(self, account_id: str) -> str | None:
        """Give the path of the unit that an account stands in."""
        parent = self.parent_id(account_id)
        return self.paths.get(parent) if parent else None


def check_unit(text: str, option: str) -> None:
    """Raise UsageError when the text can be neither the id nor the path of a unit."""
    if not text.startswith("/") and not _OU_ID.fullmatch(text):
        raise UsageError(f"{option} {text!r} is neither a unit's id (ou-…, r-…) nor a path such as /Root/Security")


class Organizations:
    """Reads one organization: serial calls, each within its quota."""

    def __init__(self, client: Any, limits: OrganizationsLimits, policy: RetryPolicy) -> None:  # noqa: ANN401
        self._client = client
        self._limits = limits
        self._policy = policy
        self.tally = Tally()

    def hurried(self) -> Organizations:
        """Give the same with little patience, for what a run can do without."""
        policy = replace(self._policy, attempts=min(self._policy.attempts, HURRIED_ATTEMPTS))
        return Organizations(self._client, self._limits, policy)

    async def accounts(self) -> list[Account]:
        """Read every account, whatever its state."""
        accounts: dict[str, Account] = {}
        async for item in self._items("ListAccounts"):
            account = _account(item)
            accounts[account.account_id] = account
        return list(accounts.values())

    async def tree(self) -> Tree:
        """Walk the organization from its root downwards."""
        paths: dict[str, str] = {}
        above: dict[str, tuple[str, ...]] = {}
        waiting: list[tuple[str, str, tuple[str, ...]]] = [
            (str(root["Id"]), "/" + str(root.get("Name") or "Root"), ()) async for root in self._items("ListRoots")
        ]
        while waiting:
            unit_id, path, ancestors = waiting.pop()
            paths[unit_id] = path
            line = (unit_id, *ancestors)
            async for item in self._items("ListAccountsForParent", ParentId=unit_id):
                above[str(item["Id"])] = line
            waiting += [
                (str(item["Id"]), f"{path}/{item.get('Name') or item['Id']}", line)
                async for item in self._items("ListOrganizationalUnitsForParent", ParentId=unit_id)
                if item["Id"] not in paths
            ]
        return Tree(paths=paths, above=above)

    async def tags(self, account_id: str) -> dict[str, str]:
        """Read the tags of one account."""
        items = [item async for item in self._items("ListTagsForResource", ResourceId=account_id)]
        return {str(item["Key"]): str(item.get("Value") or "") for item in items if item.get("Key")}

    async def _items(self, operation: str, **parameters: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the items of every page; an empty page with a token is normal."""
        token: str | None = None
        tokens: set[str] = set()
        while True:
            page = {**parameters, "NextToken": token} if token else parameters
            response = await self._call(operation, page)
            for item in response[_METHODS[operation][1]]:
                yield item
            token = response.get("NextToken")
            if not token:
                return
            if token in tokens:
                raise DiscoveryError(f"organizations:{operation} gave the same NextToken twice; run again later")
            tokens.add(token)

    async def _call(self, operation: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        method, key = _METHODS[operation]
        limiter = self._limits.of(operation)

        async def send() -> dict[str, Any]:
            async with limiter:
                response: dict[str, Any] = await getattr(self._client, method)(**parameters)
            if not isinstance(response.get(key), list):
                raise CallError(
                    Failure(
                        phase=Phase.ASSUME,
                        kind=Kind.NOT_A_LISTING,
                        code="NotAListing",
                        message=f"no {key} in the answer",
                    )
                )
            return response

        try:
            return await repeat(send, Phase.ASSUME, self._policy, self.tally, name=f"organizations.{operation}")
        except CallError as error:
            raise _explained(operation, error.failure) from error


def _explained(operation: str, failure: Failure) -> DiscoveryError:
    code = failure.code or str(failure.status)
    step = "run it again later"
    if code == "AWSOrganizationsNotInUseException":
        step = "this account is in no organization: use --discovery caller, or --discovery accounts with --account"
    elif code in DENIED_CODES:
        step = (
            f"allow organizations:{operation} in the management or a delegated administrator account, "
            "or use --discovery accounts with --account or --accounts-file"
        )
    return DiscoveryError(f"cannot read the organization: {operation}: {code}: {failure.message} - {step}")


def _account(item: Mapping[str, Any]) -> Account:
    account_id, arn = str(item["Id"]), item.get("Arn")
    parts = str(arn or "").split(":")
    # arn:aws:organizations::MANAGEMENT-ACCOUNT:account/o-…/ACCOUNT
    management = parts[4] if len(parts) > 5 and parts[4] else None  # noqa: PLR2004 - an ARN has six parts
    return Account(
        account_id=account_id,
        name=item.get("Name"),
        email=item.get("Email"),
        # `State` replaces `Status`, which was to be retired on 2026-09-09.
        state=item.get("State") or item.get("Status"),
        arn=arn,
        is_management=None if management is None else management == account_id,
    )
