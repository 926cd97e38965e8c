"""Lasting faults: states of accounts, regions and Macie that a plan imposes on a world."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from macie_inventory.simulator.chance import chance
from macie_inventory.simulator.world import OPT_IN_REGIONS, Denial, MacieOff

if TYPE_CHECKING:
    from macie_inventory.simulator.jobs import Target
    from macie_inventory.simulator.world import World


class ConditionKind(StrEnum):
    """What is wrong for good. The values are the names in `simulate --faults`."""

    MACIE_OFF = "macie-off"
    NOT_ONBOARDED = "not-onboarded"
    DENIED = "denied"
    REGION_OFF = "region-off"
    ROLE_MISSING = "role-missing"
    SUSPENDED = "suspended"


OF_ACCOUNTS = frozenset({ConditionKind.ROLE_MISSING, ConditionKind.SUSPENDED})
"""Conditions of whole accounts; the others are conditions of an account in a region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A state of some accounts (or of accounts in regions), chosen by the plan's seed.

    Of those in `accounts` and `regions` (None: all), `count` or `share` (0 to 1, rounded up) are struck; with
    neither all are. Only what an inventory still sees is chosen by number or share, so that conditions do not hide
    each other. The caller's own account never loses its state or role.
    """

    kind: ConditionKind
    accounts: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    count: int | None = None
    share: float | None = None


def impose(world: World, condition: Condition, seed: int) -> tuple[Target, ...]:
    """Put a condition on a world and return what was struck: (account id, region), the region '' for an account."""
    struck = _choose(_candidates(world, condition), condition, seed)
    for account_id, region in struck:
        _strike(world, condition.kind, account_id, region)
    return struck


def _candidates(world: World, condition: Condition) -> list[Target]:
    accounts = [id_ for id_ in world.accounts if condition.accounts is None or id_ in condition.accounts]
    if condition.kind in OF_ACCOUNTS:
        return [(id_, "") for id_ in accounts if id_ != world.caller_account_id and world.is_active(id_)]
    regions = [
        region
        for region in world.regions
        if (condition.regions is None or region in condition.regions)
        and (condition.kind is not ConditionKind.REGION_OFF or region in OPT_IN_REGIONS)
    ]
    named = condition.count is None and condition.share is None
    return [(id_, region) for id_ in accounts for region in regions if named or world.is_visible(id_, region)]


def _choose(candidates: list[Target], condition: Condition, seed: int) -> tuple[Target, ...]:
    count = len(candidates) if condition.count is None else condition.count
    if condition.share is not None:
        count = math.ceil(condition.share * len(candidates))
    ranked = sorted(candidates, key=lambda target: chance(seed, condition.kind, *target))
    return tuple(sorted(ranked[:count]))


def _strike(world: World, kind: ConditionKind, account_id: str, region: str) -> None:
    mutate = world.mutate
    match kind:
        case ConditionKind.MACIE_OFF:
            mutate.macie_off(account_id, region)
        case ConditionKind.NOT_ONBOARDED:
            mutate.macie_off(account_id, region, MacieOff.NOT_ONBOARDED)
        case ConditionKind.DENIED:
            mutate.deny(account_id, region, Denial.SERVICE_CONTROL_POLICY)
        case ConditionKind.REGION_OFF:
            mutate.region_off(account_id, region)
        case ConditionKind.ROLE_MISSING:
            mutate.remove_role(account_id)
        case ConditionKind.SUSPENDED:
            mutate.suspend(account_id)
