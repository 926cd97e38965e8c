"""All checks in their order, each on what those before it have found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from macie_inventory.aws.probe import ask_sts
from macie_inventory.aws.session import open_aws
from macie_inventory.backoff import RetryPolicy
from macie_inventory.criteria import listing_request
from macie_inventory.doctor import cloud
from macie_inventory.doctor.check import Check, CheckStatus, skipped
from macie_inventory.doctor.database import check_database
from macie_inventory.errors import CredentialsError, MacieInventoryError
from macie_inventory.model import Target
from macie_inventory.pipeline.prepare import check_scope
from macie_inventory.store import parse_database_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from macie_inventory.aws.session import Aws
    from macie_inventory.config import Limits, RoleSettings, Scope
    from macie_inventory.model import Plan

__all__ = ["SAMPLE", "examine"]

SAMPLE = 5
"""So many accounts are tried unless all are asked for."""

NO_JOB = "macie-inventory-doctor-asks-for-no-job"
QUICK = RetryPolicy(attempts=3, base_delay=0.2, max_delay=2.0, max_time=20.0)
"""An examination is for people who wait for it."""


async def examine(
    scope: Scope, limits: Limits, database: str, *, source: str, every_account: bool, tell: Callable[[Check], None]
) -> list[Check]:
    """Run every check and tell each as soon as it is known; gives all of them.

    `source` says where the configuration came from. Nothing is written, and no job is read: listings ask for a name
    that no job has.
    """
    checks: list[Check] = []

    def done(check: Check) -> None:
        checks.append(check)
        tell(check)

    try:
        check_scope(scope)
    except MacieInventoryError as error:
        done(Check(name="configuration", status=CheckStatus.FAILED, detail=str(error), next_step="correct the scope"))
    else:
        done(Check(name="configuration", status=CheckStatus.OK, detail=f"{source}; database {_shown(database)}"))
    quick = replace(limits, retry_policy=QUICK, target_timeout=60.0)
    answer = await ask_sts(quick)
    try:
        async with open_aws(quick) as aws:
            identity = aws.identity
            done(
                Check(
                    name="credentials", status=CheckStatus.OK, detail=f"{identity.arn}, partition {identity.partition}"
                )
            )
            await _examine_aws(aws, scope, quick, cloud.check_sts(answer), every_account=every_account, done=done)
    except CredentialsError as error:
        done(cloud.refused_credentials(error))
        done(skipped("organizations", "credentials"))
        done(cloud.check_sts(answer))
        done(skipped("member_role", "credentials"))
        done(skipped("listing", "credentials"))
    done(await check_database(database))
    done(cloud.check_clock(answer))
    return checks


async def _examine_aws(
    aws: Aws, scope: Scope, limits: Limits, sts: Check, *, every_account: bool, done: Callable[[Check], None]
) -> None:
    organizations, plan = await cloud.check_organizations(aws, scope)
    done(organizations)
    done(sts)
    if plan is None:
        done(skipped("member_role", "organizations"))
        done(skipped("listing", "organizations"))
        return
    # A filter by a name that no job has: the same permission, one call, and no job travels.
    lister = aws.lister(listing_request([f"name EQ {NO_JOB}"], [], "createdAt ASC", 1), scope.role)
    regions = list(dict.fromkeys(target.region for target in sorted(plan.targets)))
    own = aws.identity.account_id
    with_role = _accounts_with_role(plan, own, scope.role)
    chosen = with_role if every_account else with_role[:SAMPLE]
    tried = [Target(account_id, cloud.region_to_try(regions)) for account_id in chosen]
    arn = scope.role.arn(aws.identity.partition, "*")
    roles, working = await cloud.check_roles(lister, tried, len(with_role), arn, limits.concurrency)
    done(roles)
    # Where no role works, its denial is not news: the caller's own account tells of the regions, if it is visited.
    account_id = next(
        iter((*working, *(account.account_id for account in plan.accounts if account.account_id == own))), None
    )
    if account_id is None:
        done(skipped("listing", "member_role"))
        return
    done(await cloud.check_listing(lister, [Target(account_id, region) for region in regions], limits.concurrency))


def _accounts_with_role(plan: Plan, own: str, role: RoleSettings) -> Sequence[str]:
    """Name the accounts whose role is assumed, in the plan's order, which is spread over the organization."""
    ordered = dict.fromkeys(target.account_id for target in plan.targets)
    return [account_id for account_id in ordered if account_id != own or role.assume_own_account]


def _shown(database: str) -> str:
    try:
        return str(parse_database_url(database))
    except MacieInventoryError:
        return "not usable, see below"
