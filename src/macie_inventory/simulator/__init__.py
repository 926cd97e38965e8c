"""An AWS on a loopback socket, for tests, demonstrations and benchmarks.

It verifies signatures, mints session credentials, answers STS, Organizations, Account, EC2 (DescribeRegions) and
Macie as far as an inventory of classification jobs needs them, and goes wrong on demand. It imports nothing of the
rest of this program, so that a mistake can't be made on both sides.
"""

from __future__ import annotations

from macie_inventory.simulator.faults import Fault, FaultKind, FaultPlan, Rule
from macie_inventory.simulator.generate import generate_world
from macie_inventory.simulator.jobs import Job, Jobs
from macie_inventory.simulator.server import Simulator, running, serve
from macie_inventory.simulator.world import Account, AccountState, Organization, Unit, World

__all__ = [
    "Account",
    "AccountState",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "Job",
    "Jobs",
    "Organization",
    "Rule",
    "Simulator",
    "Unit",
    "World",
    "generate_world",
    "running",
    "serve",
]
