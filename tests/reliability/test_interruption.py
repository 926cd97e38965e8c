"""A run that is ended early says so, keeps what is finished, and can be resumed."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.support.program import Program, rows, stored_jobs

from macie_inventory.simulator import Fault, FaultKind, FaultPlan, Rule, World, generate_world, running

if TYPE_CHECKING:
    from pathlib import Path

    from macie_inventory.simulator import Simulator

SLOW = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.DELAY, seconds=0.15), service="macie2"),))


def slow_world() -> World:
    """Give an organization whose collecting takes seconds when every answer is late."""
    return generate_world(accounts=30, regions=4, jobs=3, seed=13)


def served(simulator: Simulator) -> dict[tuple[str, str], dict[str, object]]:
    """Give what the simulated AWS holds, as `stored_jobs` gives what was stored."""
    truth = simulator.world.truth()
    return {target: {job.job_id: json.loads(job.body) for job in jobs} for target, jobs in truth.items() if jobs}


def check_whole(database: Path, simulator: Simulator) -> None:
    """Check that the stored targets are whole, that each has one outcome, and that only finished ones have jobs."""
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    expected, stored = served(simulator), stored_jobs(database)
    finished = set(rows(database, "SELECT account_id, region FROM targets WHERE outcome = 'collected'"))
    assert set(stored) <= finished
    for target, jobs in stored.items():
        assert jobs == expected[target]
    assert rows(database, "SELECT count(*), count(DISTINCT account_id || region) FROM targets") == [(120, 120)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [1.6, 2.4])
def test_a_signal_ends_a_run_in_good_order(number: signal.Signals, moment: float, tmp_path: Path) -> None:
    """Within two seconds the run is interrupted, exit code 130, with whole targets and the rest not attempted."""
    with running(slow_world(), faults=SLOW) as simulator:
        program = Program(tmp_path, simulator)
        process = program.start(
            "collect",
            "--format",
            "json",
            "--database",
            "sqlite:///x.db",
            "--region",
            *simulator.world.regions,
            "--concurrency",
            "10",
        )
        deadline = time.monotonic() + 30
        while simulator.calls.count(service="macie2") < 15 * moment:
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(number)
        sent = time.monotonic()
        output, errors = process.communicate(timeout=30)
        lasted = time.monotonic() - sent
        printed = json.loads(output)
        check_whole(tmp_path / "x.db", simulator)
    assert process.returncode == 130, errors
    assert lasted < 2
    assert printed["status"] == "interrupted"
    assert printed["targets"]["by_outcome"]["not_attempted"] > 0
    assert rows(tmp_path / "x.db", "SELECT status, error FROM runs") == [
        ("interrupted", f"interrupted by {number.name}")
    ]
    assert rows(tmp_path / "x.db", "SELECT count(*) FROM leases") == [(0,)]


@pytest.mark.parametrize("moment", [0.05, 0.3, 0.6, 0.9, 1.2])
def test_a_signal_before_the_first_target_ends_at_once(moment: float, tmp_path: Path) -> None:
    """However early it comes, the program ends with 130, without a traceback, and no run claims anything."""
    with running(slow_world(), faults=SLOW) as simulator:
        process = Program(tmp_path, simulator).start("collect", "--region", *simulator.world.regions)
        time.sleep(moment)
        process.send_signal(signal.SIGTERM)
        sent = time.monotonic()
        _, errors = process.communicate(timeout=30)
    assert time.monotonic() - sent < 2
    # Before Python itself has begun, only the signal's own effect is possible.
    assert process.returncode in (130, -signal.SIGTERM), errors
    assert "Traceback" not in errors
    if (tmp_path / "macie-inventory.db").exists():
        assert {status for (status,) in rows(tmp_path / "macie-inventory.db", "SELECT status FROM runs")} <= {
            "interrupted"
        }


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    """Who asks twice does not wait for anything, not even for the database."""
    with running(slow_world(), faults=SLOW) as simulator:
        program = Program(tmp_path, simulator)
        process = program.start("collect", "--database", "sqlite:///x.db", "--region", *simulator.world.regions)
        while simulator.calls.count(service="macie2") < 10:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=5)
        assert process.returncode == 130
        check_whole(tmp_path / "x.db", simulator)


def test_a_time_limit_is_an_interruption_that_is_partial(tmp_path: Path) -> None:
    """--timeout ends the run like a signal, with status partial and exit code 3."""
    with running(slow_world(), faults=SLOW) as simulator:
        program = Program(tmp_path, simulator)
        began = time.monotonic()
        printed = program.collect(
            "--database",
            "sqlite:///x.db",
            "--region",
            *simulator.world.regions,
            "--concurrency",
            "10",
            "--timeout",
            "1.5",
            expect=3,
        )
        assert time.monotonic() - began < 6
        check_whole(tmp_path / "x.db", simulator)
    assert printed["status"] == "partial"
    assert printed["error"] == "the time limit ended the run"
    assert 0 < printed["targets"]["by_outcome"]["not_attempted"] < 120


def test_resume_visits_only_what_is_not_covered(tmp_path: Path) -> None:
    """An interrupted run, resumed, becomes complete under its own id without asking again for what it has."""
    with running(slow_world(), faults=SLOW) as simulator:
        program = Program(tmp_path, simulator)
        first = program.collect(
            "--database",
            "sqlite:///x.db",
            "--region",
            *simulator.world.regions,
            "--concurrency",
            "10",
            "--timeout",
            "1.5",
            expect=3,
        )
        simulator.reset(faults=FaultPlan())
        second = program.collect("--database", "sqlite:///x.db", "--resume")
        asked = simulator.calls.count(service="macie2")
        assert stored_jobs(tmp_path / "x.db") == served(simulator)
    assert second["run_id"] == first["run_id"]
    assert second["status"] == "complete"
    assert asked == first["targets"]["total"] - first["targets"]["covered"]
    assert rows(tmp_path / "x.db", "SELECT status, targets_covered, jobs_appeared FROM runs") == [
        ("complete", 120, 360)
    ]


def test_resume_after_gaps_replaces_their_outcomes(tmp_path: Path) -> None:
    """What was denied and is now allowed is read by the resumed run; what stays denied stays a gap."""
    world = generate_world(accounts=6, regions=2, jobs=3, seed=13)
    others = [account for account in world.accounts if account != world.caller_account_id]
    world.mutate.remove_role(others[0])
    world.mutate.deny(others[1], world.regions[0])
    with running(world) as simulator:
        program = Program(tmp_path, simulator)
        first = program.collect("--database", "sqlite:///x.db", "--region", *world.regions, expect=3)
        world.mutate.restore_role(others[0])
        second = program.collect("--database", "sqlite:///x.db", "--resume", first["run_id"], expect=3)
        world.mutate.allow(others[1], world.regions[0])
        third = program.collect("--database", "sqlite:///x.db", "--resume", "last")
        assert stored_jobs(tmp_path / "x.db") == served(simulator)
        line = program.refused("collect", "--database", "sqlite:///x.db", "--resume")
    assert [len(printed["gaps"]) for printed in (first, second, third)] == [3, 1, 0]
    assert third["status"] == "complete"
    assert "is complete" in line


def test_resume_goes_on_with_the_filter_of_its_run(tmp_path: Path) -> None:
    """The resumed part asks for what the run asked for, and still marks nothing missing."""
    with running(slow_world(), faults=SLOW) as simulator:
        program = Program(tmp_path, simulator)
        program.collect(
            "--database",
            "sqlite:///x.db",
            "--region",
            *simulator.world.regions,
            "--include",
            "jobType EQ SCHEDULED",
            "--timeout",
            "1.5",
            "--concurrency",
            "10",
            expect=3,
        )
        simulator.reset(faults=FaultPlan())
        program.collect("--database", "sqlite:///x.db", "--resume")
    assert rows(tmp_path / "x.db", "SELECT DISTINCT job_type FROM jobs") == [("SCHEDULED",)]


@pytest.mark.parametrize(
    "option", ["--region=us-east-1", "--account=123456789012", "--include=name EQ x", "--page-size=5"]
)
def test_resume_takes_no_scope(option: str, tmp_path: Path) -> None:
    """A resumed run has its scope; options that would change it are refused."""
    line = Program(tmp_path).refused("collect", "--resume", option)
    assert "--resume" in line
    assert option.partition("=")[0] in line
