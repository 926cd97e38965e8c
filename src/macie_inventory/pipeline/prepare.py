"""Discover and plan: from a scope to the targets that it means today. `plan` and `collect` both begin here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from macie_inventory.accounts_file import read_accounts
from macie_inventory.aws.organizations import check_unit
from macie_inventory.aws.regions import check_shape
from macie_inventory.criteria import ListingRequest, listing_request
from macie_inventory.model import Account, Plan
from macie_inventory.plan import Units, choose_regions, make_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from macie_inventory.aws.organizations import Organizations, Tree
    from macie_inventory.aws.session import Aws
    from macie_inventory.config import Scope

__all__ = ["Prepared", "check_scope", "placed", "prepare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan, and the organization if its tree is still to be read."""

    plan: Plan
    unread_tree: Organizations | None = None


def check_scope(scope: Scope) -> ListingRequest:
    """Check all of a scope that needs no call; gives what every listing will ask for.

    Raises UsageError naming what is wrong.
    """
    scope.check()
    for option in ("ou", "exclude_ou"):
        for text in getattr(scope, option):
            check_unit(text, "--" + option.replace("_", "-"))
    for option in ("region", "exclude_region"):
        for region in getattr(scope, option):
            check_shape(region, "--" + option.replace("_", "-"))
    if scope.accounts_file:
        read_accounts(scope.accounts_file)
    return listing_request(scope.include, scope.exclude, scope.sort, scope.page_size)


async def prepare(aws: Aws, scope: Scope) -> Prepared:
    """Find the accounts and make the plan.

    Raises DiscoveryError when the organization cannot be read, UsageError when the scope does not fit what was found.
    """
    warnings = [warning for region in scope.region if (warning := aws.regions.check(region))]
    for region in scope.exclude_region:
        aws.regions.check(region, "--exclude-region")
    regions = choose_regions(aws.regions.with_macie, aws.regions.known, scope, warnings)
    if scope.effective_discovery != "organization":
        return Prepared(plan=make_plan(_listed_accounts(aws, scope), regions, scope))
    organizations = await aws.organizations()
    accounts: Sequence[Account] = await organizations.accounts()
    units, tree = Units(), None
    if scope.ou or scope.exclude_ou:
        tree = await organizations.tree()
        units = Units(
            included=frozenset(tree.resolve(text, "--ou") for text in scope.ou),
            excluded=frozenset(tree.resolve(text, "--exclude-ou") for text in scope.exclude_ou),
            above=tree.above,
        )
        accounts = placed(accounts, tree)
    if scope.account_tag:
        accounts = [replace(account, tags=await organizations.tags(account.account_id)) for account in accounts]
    unread = organizations if tree is None and scope.organizational_units else None
    return Prepared(plan=make_plan(accounts, regions, scope, units), unread_tree=unread)


def placed(accounts: Sequence[Account], tree: Tree) -> list[Account]:
    """Give the accounts with their place in the organization."""
    return [
        replace(account, parent_id=tree.parent_id(account.account_id), ou_path=tree.path(account.account_id))
        for account in accounts
    ]


def _listed_accounts(aws: Aws, scope: Scope) -> list[Account]:
    if scope.effective_discovery == "caller":
        return [Account(account_id=aws.identity.account_id)]
    listed = (
        {account.account_id: account for account in read_accounts(scope.accounts_file)} if scope.accounts_file else {}
    )
    if scope.account and not listed:
        listed = {account_id: Account(account_id=account_id) for account_id in scope.account}
    return list(listed.values())
