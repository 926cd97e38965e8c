"""Recoverable faults leave no trace in the data."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.support.plans import make_empty_database, survive

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

PLANS = int(os.environ.get("MACIE_INVENTORY_TEST_PLANS", "200"))
BATCH = 25


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, PLANS, BATCH))
def test_a_run_under_recoverable_faults_is_complete_and_true(first: int, pool: Executor, tmp_path: Path) -> None:
    """With 30 % of all calls failing in every recoverable way, runs end complete with exactly the truth."""
    empty = anyio.run(make_empty_database, tmp_path)
    seeds = range(first, min(first + BATCH, PLANS))
    under_way = [pool.submit(anyio.run, survive, seed, empty, tmp_path) for seed in seeds]
    faults = sum(plan.result().total() for plan in under_way)
    assert faults > len(seeds), "the plans struck too seldom to prove anything"
