"""kill -9 at any moment loses no committed target, and the next run takes over at once."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest
from tests.support.kills import Killing, check_after_kill, check_taken_over, killing_world, survive_kill
from tests.support.plans import make_empty_database

from macie_inventory.simulator import running

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("MACIE_INVENTORY_TEST_KILLS", "52"))
BATCH = 13
POSTGRESQL_KILLS = 5


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, KILLS, BATCH))
def test_a_killed_run_leaves_whole_targets_and_is_taken_over(first: int, tmp_path: Path) -> None:
    """After SIGKILL at a random moment the file is sound and true, and the next collect or --resume completes it."""
    empty = anyio.run(make_empty_database, tmp_path)
    seeds = range(first, min(first + BATCH, KILLS))
    with running(killing_world()) as simulator:
        killing = Killing(simulator=simulator, folder=tmp_path)
        killing.calibrate(f"sqlite:///{shutil.copy(empty, tmp_path / 'calibration.db')}")
        in_mid_run = sum(survive_kill(killing, empty, seed) for seed in seeds)
    assert in_mid_run >= 0.8 * len(seeds) - 1, "most moments have to lie within a run"


@pytest.mark.slow
def test_a_killed_run_on_postgresql_is_taken_over(postgres_url: str, tmp_path: Path) -> None:
    """The same holds where the server goes on without its client."""
    random = Random("kill/postgresql")  # noqa: S311 - reproducible, not secret
    with running(killing_world()) as simulator:
        killing = Killing(simulator=simulator, folder=tmp_path)
        killing.calibrate(postgres_url)
        served = killing.served()
        with closing(psycopg.connect(postgres_url, autocommit=True)) as connection:

            def query(sql: str) -> list[tuple[Any, ...]]:
                return connection.execute(sql.encode()).fetchall()

            for _ in range(POSTGRESQL_KILLS):
                for table in ("runs", "targets", "jobs", "job_buckets", "job_criteria", "job_changes", "leases"):
                    query(f"DELETE FROM {table} RETURNING 1")
                killing.kill(postgres_url, killing.moment(random))
                killed = check_after_kill(query, served)
                second = killing.whole_run(postgres_url)
                assert second["status"] == "complete"
                check_taken_over(query, served, killed=killed, second=second["run_id"])
