"""An AWS on a loopback socket, for tests, demonstrations and benchmarks.

It verifies signatures, mints session credentials, answers STS, Organizations, Account, EC2 (DescribeRegions) and
Macie as far as an inventory of classification jobs needs them, and goes wrong on demand. It imports nothing of the
rest of this program, so that a mistake can't be made on both sides.
"""

from __future__ import annotations

from macie_inventory.simulator.conditions import Condition, ConditionKind
from macie_inventory.simulator.demo import demo_world
from macie_inventory.simulator.fault_syntax import parse_faults
from macie_inventory.simulator.faults import Fault, FaultKind, FaultPlan, RateLimit, Rule
from macie_inventory.simulator.generate import generate_world, world_with_macie_in
from macie_inventory.simulator.jobs import Job, Jobs
from macie_inventory.simulator.ledger import Ending, Ledger
from macie_inventory.simulator.server import Simulator, running, serve
from macie_inventory.simulator.world import (
    Account,
    AccountState,
    Denial,
    MacieOff,
    Organization,
    StateFields,
    Unit,
    World,
)

__all__ = [
    "Account",
    "AccountState",
    "Condition",
    "ConditionKind",
    "Denial",
    "Ending",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "Job",
    "Jobs",
    "Ledger",
    "MacieOff",
    "Organization",
    "RateLimit",
    "Rule",
    "Simulator",
    "StateFields",
    "Unit",
    "World",
    "demo_world",
    "generate_world",
    "parse_faults",
    "running",
    "serve",
    "world_with_macie_in",
]
