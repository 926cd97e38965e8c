"""The main job from the outside: what it prints, stores and returns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.program import Program, rows, stored_jobs

from macie_inventory.simulator import FaultPlan, demo_world, generate_world, running

if TYPE_CHECKING:
    from pathlib import Path

    from macie_inventory.simulator import Simulator


def served(simulator: Simulator) -> dict[tuple[str, str], dict[str, Any]]:
    """Give what the simulated AWS holds, as `stored_jobs` gives what was stored."""
    return {
        target: {job.job_id: json.loads(job.body) for job in jobs}
        for target, jobs in simulator.world.truth().items()
        if jobs
    }


def test_every_job_is_stored_as_it_was_served(tmp_path: Path) -> None:
    """Twelve accounts in nested units, one of them suspended, three regions: every job, field by field."""
    world = generate_world(accounts=12, regions=3, jobs=(3, 12), seed=21)
    suspended = next(account for account in world.accounts if account != world.caller_account_id)
    world.mutate.suspend(suspended)
    with running(world) as simulator:
        program = Program(tmp_path, simulator, MACIE_INVENTORY_ORGANIZATIONAL_UNITS="true")
        printed = program.collect("--database", "sqlite:///x.db", "--region", *world.regions)
        assert stored_jobs(tmp_path / "x.db") == served(simulator)
    jobs = sum(len(jobs) for jobs in stored_jobs(tmp_path / "x.db").values())
    assert printed["status"] == "complete"
    assert printed["targets"] == {"total": 33, "covered": 33, "failed": 0, "by_outcome": {"collected": 33}}
    assert printed["jobs"] == {"seen": jobs, "appeared": jobs, "updated": 0, "disappeared": 0, "reappeared": 0}
    assert printed["gaps"] == []
    assert rows(
        tmp_path / "x.db", "SELECT count(*) FROM accounts WHERE ou_path LIKE '/Root%' AND parent_id IS NOT NULL"
    )
    assert (tmp_path / "x.db").stat().st_mode & 0o777 == 0o600


def test_columns_and_child_rows_say_what_the_items_say(tmp_path: Path) -> None:
    """Each column, bucket and criterion is what stands in the item."""
    world = generate_world(accounts=4, regions=2, jobs=25, seed=8)
    with running(world) as simulator:
        Program(tmp_path, simulator).collect("--database", "sqlite:///x.db", "--region", *world.regions)
    database = tmp_path / "x.db"
    for account, region, job_id, name, status, code, health, count, raw in rows(
        database,
        "SELECT account_id, region, job_id, name, job_status, last_run_error_code, expiration_health_event_arn, "
        "bucket_count, raw FROM jobs",
    ):
        item = json.loads(raw)
        paused = item.get("userPausedDetails") or {}
        assert (name, status) == (item["name"], item["jobStatus"])
        assert code == (item.get("lastRunErrorStatus") or {}).get("code")
        assert health == paused.get("jobImminentExpirationHealthEventArn")
        buckets = {(d["accountId"], b) for d in item.get("bucketDefinitions") or [] for b in d["buckets"]}
        key = (account, region, job_id)
        where = "account_id = ? AND region = ? AND job_id = ?"
        assert (
            set(rows(database, f"SELECT bucket_account_id, bucket_name FROM job_buckets WHERE {where}", *key))
            == buckets
        )
        assert count == (len(buckets) if "bucketDefinitions" in item else None)
        values = sum(
            len(element.get("simpleCriterion", {}).get("values", []))
            + len(element.get("tagCriterion", {}).get("tagValues", []))
            for block in (item.get("bucketCriteria") or {}).values()
            for element in block.get("and", [])
        )
        assert rows(database, f"SELECT count(*) FROM job_criteria WHERE {where}", *key) == [(values,)]


def test_collecting_twice_changes_only_when_it_was_seen(tmp_path: Path) -> None:
    """A second run of an unchanged organization touches last_seen_* and adds no change."""
    world = generate_world(accounts=4, regions=2, jobs=6, seed=8)
    database = tmp_path / "x.db"
    with running(world) as simulator:
        program = Program(tmp_path, simulator)
        program.collect("--database", "sqlite:///x.db", "--region", *world.regions)
        columns = [name for _, name, *_ in rows(database, "PRAGMA table_info(jobs)") if "last_seen" not in name]
        everything = f"SELECT {', '.join(columns)} FROM jobs ORDER BY 1, 2, 3"
        before = rows(database, everything)
        second = program.collect("--database", "sqlite:///x.db", "--region", *world.regions)
    assert rows(database, everything) == before
    assert rows(database, "SELECT DISTINCT last_seen_run FROM jobs") == [(second["run_id"],)]
    assert rows(database, "SELECT count(*) FROM job_changes WHERE run_id = ?", second["run_id"]) == [(0,)]


def test_gaps_are_listed_and_the_exit_code_says_so(tmp_path: Path) -> None:
    """A run with gaps is partial, lists each with its cause, and keeps what was known."""
    world, plan = demo_world(accounts=10, regions=3)
    with running(world) as simulator:
        program = Program(tmp_path, simulator)
        program.collect("--database", "sqlite:///x.db", "--region", *world.regions)
        before = stored_jobs(tmp_path / "x.db")
        simulator.reset(faults=FaultPlan(conditions=plan.conditions, seed=plan.seed))
        printed = program.collect("--database", "sqlite:///x.db", "--region", *world.regions, expect=3)
        outcomes = rows(
            tmp_path / "x.db", "SELECT account_id, region, outcome, error_code FROM coverage_gaps ORDER BY 1, 2"
        )
    assert printed["status"] == "partial"
    assert printed["jobs"]["disappeared"] == 0
    assert stored_jobs(tmp_path / "x.db") == before
    gaps = sorted((gap["account_id"], gap["region"], gap["outcome"], gap["error_code"]) for gap in printed["gaps"])
    assert gaps == outcomes
    assert {outcome for _, _, outcome, _ in gaps} == {"role_denied", "access_denied"}


def test_a_filtered_run_marks_nothing_missing(tmp_path: Path) -> None:
    """A run that asks for some jobs only updates those and lets the others be."""
    world = generate_world(accounts=3, regions=2, jobs=12, seed=8)
    with running(world) as simulator:
        program = Program(tmp_path, simulator)
        program.collect("--database", "sqlite:///x.db", "--region", *world.regions)
        before = stored_jobs(tmp_path / "x.db")
        printed = program.collect(
            "--database", "sqlite:///x.db", "--region", *world.regions, "--include", "jobStatus EQ RUNNING,PAUSED"
        )
        running_now = sum(
            job["jobStatus"] in ("RUNNING", "PAUSED") for jobs in served(simulator).values() for job in jobs.values()
        )
    assert printed["jobs"]["seen"] == running_now
    assert stored_jobs(tmp_path / "x.db") == before
    assert rows(
        tmp_path / "x.db", "SELECT json_extract(filter_criteria, '$.includes[0].key') FROM runs ORDER BY 1 DESC"
    ) == [
        ("jobStatus",),
        (None,),
    ]


def test_a_run_of_one_region_touches_no_other(tmp_path: Path) -> None:
    """Jobs that vanished elsewhere stay until their own region is read again."""
    world = generate_world(accounts=3, regions=2, jobs=4, seed=8)
    with running(world) as simulator:
        program = Program(tmp_path, simulator)
        program.collect("--database", "sqlite:///x.db", "--region", *world.regions)
        for target in list(simulator.world.truth()):
            for job in simulator.world.jobs_of(*target):
                simulator.world.mutate.remove_job(*target, job.job_id)
        printed = program.collect("--database", "sqlite:///x.db", "--region", world.regions[0])
    assert printed["jobs"]["disappeared"] == 12
    missing = rows(tmp_path / "x.db", "SELECT DISTINCT region FROM jobs WHERE missing_since IS NOT NULL")
    assert missing == [(world.regions[0],)]
