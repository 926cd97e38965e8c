"""Seeded organizations of any size."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from macie_inventory.simulator.job_maker import make_jobs
from macie_inventory.simulator.jobs import Jobs
from macie_inventory.simulator.world import MACIE_REGIONS, Account, Organization, Unit, World

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
"""The moment at which a generated world stands still, unless another is given."""

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_UNITS = (
    ("Security", ""),
    ("Infrastructure", ""),
    ("Workloads", ""),
    ("Sandbox", ""),
    ("Prod", "Workloads"),
    ("NonProd", "Workloads"),
    ("Payments", "Prod"),
    ("Retail", "Prod"),
    ("Data Platform", "Prod"),
    ("Integration", "NonProd"),
    ("Suspended", ""),
)
_TEAMS = ("payments", "retail", "data", "identity", "network", "mobile", "risk", "claims", "search", "logistics")
_STAGES = ("prod", "staging", "dev", "sandbox", "shared")


def generate_world(
    *,
    accounts: int = 12,
    regions: int | Sequence[str] = 3,
    jobs: int | tuple[int, int] = (0, 12),
    seed: int = 0,
    now: datetime = NOW,
) -> World:
    """Return a realistic organization, the same one for the same arguments.

    `accounts` counts the management account, which is also the caller's and, as in most organizations, has no
    member role. `regions` is how many of `MACIE_REGIONS` are offered, or which regions. `jobs` is the number
    of jobs in each account and region, or its lowest and highest value; the jobs are made when they are first
    read. `now` is the latest moment in any job's past.
    """
    if accounts < 1:
        raise ValueError(f"a world needs at least one account, not {accounts}")
    random = Random(f"world/{seed}")  # noqa: S311 - reproducible, not secret
    offered = MACIE_REGIONS[:regions] if isinstance(regions, int) else tuple(regions)
    organization = _organization(random)
    members = _accounts(random, organization, accounts)
    ids = tuple(members)
    low, high = (jobs, jobs) if isinstance(jobs, int) else jobs

    def source(account_id: str, region: str) -> list[dict[str, object]]:
        own = Random(f"jobs/{seed}/{account_id}/{region}")  # noqa: S311 - reproducible, not secret
        return make_jobs(own, account_id, region, own.randint(low, high), others=ids, now=now)

    return World(
        accounts=members,
        organization=organization,
        caller_account_id=organization.management_account_id,
        regions=offered,
        jobs=Jobs(source=source, targets=((account_id, region) for account_id in ids for region in offered)),
        roles_missing={organization.management_account_id},
    )


def world_with_macie_in(
    regions: int, *, accounts: int, jobs: int | tuple[int, int], seed: int, now: datetime = NOW
) -> World:
    """Return a generated world of all regions in which Macie is enabled in the first `regions` of them only."""
    world = generate_world(accounts=accounts, regions=MACIE_REGIONS, jobs=jobs, seed=seed, now=now)
    for region in MACIE_REGIONS[regions:]:
        for account_id in world.accounts:
            world.mutate.macie_off(account_id, region)
    return world


def _token(random: Random, length: int) -> str:
    return "".join(random.choices(_BASE36, k=length))


def _organization(random: Random) -> Organization:
    root = _token(random, 4)
    units: dict[str, Unit] = {}
    for name, above in _UNITS:
        parent_id = units[above].id if above else f"r-{root}"
        units[name] = Unit(id=f"ou-{root}-{_token(random, 8)}", name=name, parent_id=parent_id, tags={"tier": name})
    return Organization(
        id=f"o-{_token(random, 10)}",
        root_id=f"r-{root}",
        management_account_id=_account_id(random),
        units=tuple(units.values()),
    )


def _account_id(random: Random) -> str:
    return f"{random.randrange(10**11, 10**12)}"


def _accounts(random: Random, organization: Organization, count: int) -> dict[str, Account]:
    management = Account(
        id=organization.management_account_id,
        name="management",
        email="aws+management@example.com",
        parent_id=organization.root_id,
        joined_at=NOW - timedelta(days=2000),
        joined_method="INVITED",
        tags={"team": "platform"},
    )
    accounts = {management.id: management}
    homes = [unit.id for unit in organization.units if unit.name != "Suspended"]
    while len(accounts) < count:
        account_id, number = _account_id(random), len(accounts)
        team, stage = random.choice(_TEAMS), random.choice(_STAGES)
        accounts[account_id] = Account(
            id=account_id,
            name=f"{team}-{stage}-{number}",
            email=f"aws+{team}-{stage}-{number}@example.com",
            parent_id=random.choice(homes),
            joined_at=NOW - timedelta(seconds=random.randrange(2000 * 86_400)),
            joined_method=random.choice(("CREATED", "CREATED", "INVITED")),
            tags=random.choice(({"team": team, "stage": stage}, {"team": team}, {})),
        )
    return accounts
