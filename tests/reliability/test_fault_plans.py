"""Recoverable faults leave no trace in the data."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.plans import survive

if TYPE_CHECKING:
    from pathlib import Path

PLANS = int(os.environ.get("MACIE_INVENTORY_TEST_PLANS", "200"))
BATCH = 25

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("first", range(0, PLANS, BATCH))
async def test_a_run_under_recoverable_faults_is_complete_and_true(first: int, tmp_path: Path) -> None:
    """With 30 % of all calls failing in every recoverable way, runs end complete with exactly the truth."""
    faults = 0
    for seed in range(first, min(first + BATCH, PLANS)):
        faults += await survive(seed, tmp_path)
    assert faults > BATCH, "the plans struck too seldom to prove anything"
