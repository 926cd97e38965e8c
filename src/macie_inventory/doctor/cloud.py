"""The checks that ask AWS: who we are, which accounts there are, and whether their jobs could be listed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import anyio

from macie_inventory.aws.failures import CallError
from macie_inventory.aws.macie import RegionUnreachableError
from macie_inventory.aws.slots import NO_SLOT
from macie_inventory.doctor.check import Check, CheckStatus
from macie_inventory.errors import CredentialsError, DiscoveryError, MacieInventoryError
from macie_inventory.model import Harvest, Outcome, Target
from macie_inventory.outcome import Kind, always_on
from macie_inventory.pipeline.prepare import prepare
from macie_inventory.report import gap_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from macie_inventory.aws.macie import Lister
    from macie_inventory.aws.organizations import Organizations
    from macie_inventory.aws.probe import StsAnswer
    from macie_inventory.aws.session import Aws
    from macie_inventory.config import Scope
    from macie_inventory.model import Plan

__all__ = ["check_clock", "check_listing", "check_organizations", "check_roles", "check_sts", "refused_credentials"]

TREE_SECONDS = 3.0
"""So long the organization's units are read at most; a large tree takes longer, and that is no fault."""

SHOWN = 3
SKEW_WARNING = 30.0
SKEW_LIMIT = 240.0
"""Seconds; AWS refuses signatures that are five minutes old."""


def refused_credentials(error: CredentialsError) -> Check:
    """Say what is wrong with the credentials, or that nobody could be asked about them."""
    cause = error.__cause__
    if isinstance(cause, CallError) and cause.failure.kind in (Kind.CONNECT, Kind.BROKEN):
        step = "mend the connection to STS, see below"
    else:
        step = "run `aws sts get-caller-identity` with the same AWS_PROFILE: it must answer"
    return Check(name="credentials", status=CheckStatus.FAILED, detail=str(error), next_step=step)


def check_sts(answer: StsAnswer) -> Check:
    """Say whether the STS endpoint is reached."""
    where = f"{answer.url or 'STS'} (region {answer.region})"
    if answer.problem is None:
        return Check(name="sts", status=CheckStatus.OK, detail=f"{where} answers")
    step = "check AWS_REGION, AWS_ENDPOINT_URL, DNS, proxies and firewalls"
    return Check(name="sts", status=CheckStatus.FAILED, detail=f"{where}: {answer.problem}", next_step=step)


def check_clock(answer: StsAnswer) -> Check:
    """Compare this host's clock with that of the service."""
    if answer.skew is None:
        detail = "the service's time is not known" + (": STS was not reached" if answer.problem else "")
        return Check(name="clock", status=CheckStatus.WARNING, detail=detail, next_step="compare it with another clock")
    off = abs(answer.skew)
    if off <= SKEW_WARNING:
        return Check(name="clock", status=CheckStatus.OK, detail=f"within {max(1, round(off))} s of the service's")
    status = CheckStatus.FAILED if off > SKEW_LIMIT else CheckStatus.WARNING
    detail = f"{off:,.0f} s {'ahead of' if answer.skew > 0 else 'behind'} the service's; AWS refuses 300 s"
    return Check(name="clock", status=status, detail=detail, next_step="synchronise it, for example with chrony or NTP")


async def check_organizations(aws: Aws, scope: Scope) -> tuple[Check, Plan | None]:
    """Find the accounts as `plan` does, and read the organization's units if `collect` would."""
    name = "organizations"
    try:
        prepared = await prepare(aws, scope)
    except MacieInventoryError as error:
        step = "see `macie-inventory iam collector-policy`; then `macie-inventory plan` shows every account"
        if not isinstance(error, DiscoveryError):
            step = "correct the scope; `macie-inventory plan` shows what it leaves"
        return Check(name=name, status=CheckStatus.FAILED, detail=str(error), next_step=step), None
    plan = prepared.plan
    regions = {target.region for target in plan.targets}
    detail = f"{len(plan.accounts):,} accounts × {len(regions)} regions to visit, {len(plan.exclusions):,} exclusions"
    if scope.effective_discovery != "organization":
        detail = f"not asked (--discovery {scope.effective_discovery}); {detail}"
    problem = await _tree_problem(prepared.unread_tree) if prepared.unread_tree else None
    if problem or plan.warnings:
        step = "nothing is lost; mend it if units or warnings matter to you"
        detail = "; ".join([detail, *([problem] if problem else []), *plan.warnings[:SHOWN]])
        return Check(name=name, status=CheckStatus.WARNING, detail=detail, next_step=step), plan
    return Check(name=name, status=CheckStatus.OK, detail=detail), plan


async def _tree_problem(organizations: Organizations) -> str | None:
    with anyio.move_on_after(TREE_SECONDS):
        try:
            await organizations.tree()
        except DiscoveryError as error:
            return f"the organizational units stay unknown: {error}"
    return None


async def check_roles(
    lister: Lister, targets: Sequence[Target], of: int, role_arn: str, at_once: int
) -> tuple[Check, list[str]]:
    """Assume the member role in these accounts, and list with it in one region of each; name those where it works.

    `of` is how many accounts have to have it.
    """
    name = "member_role"
    if not of:
        detail = "not needed: only the caller's own account is visited, with its own credentials"
        return Check(name=name, status=CheckStatus.OK, detail=detail), []
    harvests = await _list_each(lister, targets, at_once)
    # A region that cannot be reached is met after the role was assumed, and the next check's news.
    fine = [harvest for harvest in harvests if harvest.outcome.covered or harvest.outcome is Outcome.REGION_UNREACHABLE]
    bad = [harvest for harvest in harvests if harvest not in fine]
    working = [harvest.target.account_id for harvest in fine]
    checked = f"{len(targets):,} accounts" if len(targets) == of else f"{len(targets):,} of {of:,} accounts"
    if not bad:
        return Check(name=name, status=CheckStatus.OK, detail=f"{role_arn} works in {checked}"), working
    detail = f"{role_arn} fails in {len(bad):,} of {len(targets):,} accounts tried: {_examples(bad)}"
    step = gap_hint(Counter(harvest.outcome for harvest in bad).most_common(1)[0][0])
    return Check(name=name, status=CheckStatus.FAILED, detail=detail, next_step=step), working


async def check_listing(lister: Lister, targets: Sequence[Target], at_once: int) -> Check:
    """Send one ListClassificationJobs to every region for one account."""
    harvests = await _list_each(lister, targets, at_once)
    bad = [harvest for harvest in harvests if not harvest.outcome.covered]
    account_id = targets[0].account_id
    if bad:
        detail = f"{len(bad)} of {len(targets)} regions fail for account {account_id}: {_examples(bad)}"
        step = gap_hint(Counter(harvest.outcome for harvest in bad).most_common(1)[0][0])
        return Check(name="listing", status=CheckStatus.FAILED, detail=detail, next_step=step)
    off = Counter(harvest.outcome for harvest in harvests if harvest.outcome is not Outcome.COLLECTED)
    notes = "".join(f", {count} {outcome.value}" for outcome, count in sorted(off.items()))
    detail = f"{len(targets)} of {len(targets)} regions answer for account {account_id}{notes}"
    return Check(name="listing", status=CheckStatus.OK, detail=detail)


async def _list_each(lister: Lister, targets: Iterable[Target], at_once: int) -> list[Harvest]:
    harvests: list[Harvest] = []
    limiter = anyio.CapacityLimiter(at_once)

    async def visit(target: Target) -> None:
        async with limiter:
            try:
                harvests.append(await lister.harvest(target, NO_SLOT))
            except RegionUnreachableError as error:
                unreachable, message = Outcome.REGION_UNREACHABLE, error.failure.message
                harvests.append(Harvest(target=target, outcome=unreachable, error_message=message))
            except CredentialsError as error:
                harvests.append(Harvest(target=target, outcome=Outcome.FAILED, error_message=str(error)))

    async with anyio.create_task_group() as tasks:
        for target in targets:
            tasks.start_soon(visit, target)
    return sorted(harvests, key=lambda harvest: harvest.target)


def _examples(bad: Sequence[Harvest]) -> str:
    """Quote one error, and name where the others are."""
    first, *others = bad
    text = f"{_place(first)}: {first.outcome.value}: {first.error_message or first.error_code}"
    if others:
        text += f"; also {', '.join(_place(other) for other in others[:SHOWN])}"
    return text + (f" and {len(others) - SHOWN:,} more" if len(others) > SHOWN else "")


def _place(harvest: Harvest) -> str:
    return f"{harvest.target.account_id} {harvest.target.region}"


def region_to_try(regions: Sequence[str]) -> str:
    """Choose the region in which a role is tried: one that no account can switch off, where there is one."""
    return next((region for region in regions if always_on(region)), regions[0])
