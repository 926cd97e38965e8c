"""`collect --metrics-file` writes what the run found, and says beforehand when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from tests.operator.programs import macie_inventory

from macie_inventory.simulator import Condition, ConditionKind, FaultPlan, generate_world, running

if TYPE_CHECKING:
    from pathlib import Path


def test_collect_writes_the_figures_of_its_run(tmp_path: Path) -> None:
    """A partial run with a missing role leaves a file that says so."""
    world = generate_world(accounts=3, regions=2, jobs=2, seed=6)
    plan = FaultPlan(conditions=(Condition(kind=ConditionKind.ROLE_MISSING, count=1),))
    with running(world, faults=plan) as simulator:
        env = simulator.environment() | {"MACIE_INVENTORY_ORGANIZATIONAL_UNITS": "false"}
        arguments = ("--region", *world.regions, "--metrics-file", "macie.prom")
        result = macie_inventory("collect", *arguments, env=env, cwd=tmp_path)
    assert result.returncode == 3, result.stderr
    found = {
        (sample.name.removeprefix("macie_inventory_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families((tmp_path / "macie.prom").read_text())
        for sample in family.samples
    }
    assert found["last_run_status", "partial"] == 1
    assert found["last_run_targets", "true", "collected"] == 4
    assert found["last_run_targets", "false", "role_denied"] == 2
    assert found["last_run_job_changes", "appeared"] == 8
    assert found["last_run_api_calls",] == 4
    assert found["runs", "partial"] == 1
    assert ("last_complete_run_timestamp_seconds",) not in found


def test_a_file_that_cannot_be_written_stops_the_run_before_it_begins(tmp_path: Path) -> None:
    """A folder that is not there is exit code 2, and no database is made."""
    result = macie_inventory("collect", "--metrics-file", "missing/macie.prom", cwd=tmp_path)
    assert result.returncode == 2
    assert "--metrics-file" in result.stderr
    assert list(tmp_path.iterdir()) == []
