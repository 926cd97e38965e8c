"""Worlds are realistic, reproducible, and change as told."""

from __future__ import annotations

import copy
import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from macie_inventory.simulator import (
    Account,
    Condition,
    ConditionKind,
    World,
    demo_world,
    generate_world,
    world_with_macie_in,
)
from macie_inventory.simulator.conditions import impose
from macie_inventory.simulator.generate import NOW
from macie_inventory.simulator.world import MACIE_REGIONS


def everything(world: World) -> str:
    """Return all jobs of a world as text."""
    return json.dumps({"/".join(target): jobs for target, jobs in world.jobs.items()}, sort_keys=True)


def test_the_same_arguments_make_the_same_world() -> None:
    """Two worlds of one seed are equal in every job; another seed makes another."""
    one, other = (generate_world(accounts=5, regions=3, jobs=5, seed=3) for _ in range(2))
    assert one.accounts == other.accounts
    assert one.organization == other.organization
    assert everything(one) == everything(other)
    assert everything(one) != everything(generate_world(accounts=5, regions=3, jobs=5, seed=4))


def test_the_numbers_asked_for() -> None:
    """There are as many accounts, regions and jobs as asked for."""
    world = generate_world(accounts=7, regions=4, jobs=3)
    assert (len(world.accounts), len(world.regions), len(world.jobs)) == (7, 4, 28)
    assert {len(jobs) for jobs in world.jobs.values()} == {3}
    spread = Counter(len(jobs) for jobs in generate_world(accounts=20, regions=4, jobs=(0, 4)).jobs.values())
    assert set(spread) == {0, 1, 2, 3, 4}
    with pytest.raises(ValueError, match="at least one account"):
        generate_world(accounts=0)


def test_jobs_are_of_every_kind() -> None:
    """Generated jobs show every status, selection, pause and tag shape that an inventory has to understand."""
    jobs = [job for jobs in generate_world(accounts=30, regions=3, jobs=8).jobs.values() for job in jobs]
    text = json.dumps(jobs)
    assert {job["jobStatus"] for job in jobs} == {
        "RUNNING", "PAUSED", "CANCELLED", "COMPLETE", "IDLE", "USER_PAUSED",
    }  # fmt: skip
    assert all(("userPausedDetails" in job) == (job["jobStatus"] == "USER_PAUSED") for job in jobs)
    assert all(("bucketDefinitions" in job) != ("bucketCriteria" in job) for job in jobs)
    codes = Counter(json.dumps(job.get("lastRunErrorStatus")) for job in jobs)
    assert set(codes) == {'{"code": "NONE"}', '{"code": "ERROR"}', "null"}
    assert '"jobImminentExpirationHealthEventArn": null' in text
    assert '"jobImminentExpirationHealthEventArn": "arn:aws:health' in text
    assert '{"key": "Owner"}' in text
    assert '{"value": "prod"}' in text
    assert any(
        {"simpleCriterion", "tagCriterion"} <= term.keys()
        for job in jobs
        for block in job.get("bucketCriteria", {}).values()  # type: ignore[attr-defined]
        for term in block["and"]
    )
    assert len({job.job_id for job in jobs}) == len(jobs)


def test_some_jobs_scan_foreign_buckets() -> None:
    """Some bucket definitions name other accounts of the organization, most the job's own."""
    world = generate_world(accounts=10, regions=3, jobs=8)
    owners = Counter(
        definition["accountId"] == account_id
        for (account_id, _), jobs in world.jobs.items()
        for job in jobs
        for definition in job.get("bucketDefinitions", [])  # type: ignore[attr-defined]
    )
    assert owners[True] > owners[False] > 0


def test_times_make_sense() -> None:
    """Jobs are listed oldest first, none from the future, and a pause ends thirty days after its begin."""
    world = generate_world(accounts=10, regions=3, jobs=8)
    for jobs in world.jobs.values():
        created = [datetime.fromisoformat(str(job["createdAt"])) for job in jobs]
        assert created == sorted(created)
        assert all(moment <= NOW for moment in created)
        for job in jobs:
            details = job.get("userPausedDetails")
            if isinstance(details, dict):
                paused = datetime.fromisoformat(details["jobPausedAt"])
                assert (datetime.fromisoformat(details["jobExpiresAt"]) - paused).days == 30
                assert details.get("jobImminentExpirationHealthEventArn") is None or (NOW - paused).days >= 23


def test_the_callers_account_has_to_exist() -> None:
    """A world whose caller is in no account is refused."""
    with pytest.raises(ValueError, match="111122223333"):
        World(accounts={}, organization=None, caller_account_id="111122223333")


def test_mutations_change_one_thing_each(world: World, member: str) -> None:
    """Each verb changes what it says and can be taken back."""
    region = "us-east-1"
    before = world.truth()
    mutate = world.mutate
    first, second = world.jobs_of(member, region)[:2]
    job = mutate.add_job(member, region, {"jobId": "new", "name": "new"})
    assert world.jobs_of(member, region)[-1] is job
    assert mutate.remove_job(member, region, "new") == job
    assert mutate.change_job(member, region, first.job_id, name="other")["name"] == "other"
    assert mutate.set_status(member, region, second.job_id, "CANCELLED")["jobStatus"] == "CANCELLED"
    assert first["name"] != "other", "a job that was served stays as it was"
    finished = mutate.finish_job(member, region, second.job_id, error=True)
    assert finished["jobStatus"] in {"COMPLETE", "IDLE"}
    assert finished["lastRunErrorStatus"] == {"code": "ERROR"}
    world.jobs[member, region] = before[member, region]
    mutate.macie_off(member, region)
    assert before.keys() - world.truth().keys() == {(member, region)}
    mutate.macie_on(member, region)
    assert world.truth() == before
    mutate.deny(member, region)
    assert before.keys() - world.truth().keys() == {(member, region)}
    mutate.allow(member, region)
    assert world.truth() == before
    for undo_account, do_account in [
        (mutate.reinstate, mutate.suspend),
        (mutate.restore_role, mutate.remove_role),
    ]:
        do_account(member)
        assert {target[0] for target in before.keys() - world.truth().keys()} == {member}
        undo_account(member)
    account = mutate.remove_account(member)
    assert member not in world.accounts
    mutate.add_account(account)
    assert world.truth() == before


def test_mutations_of_what_is_not_there(world: World, member: str) -> None:
    """Changing or removing a job that does not exist, or switching a fixed region off, is an error."""
    for change in (world.mutate.change_job, world.mutate.remove_job):
        with pytest.raises(KeyError, match="no job none"):
            change(member, "us-east-1", "none")
    with pytest.raises(ValueError, match="me-south-1"):
        world.mutate.region_off(member, "us-east-1")


def test_opt_in_regions_go_off_and_on(world: World, member: str) -> None:
    """An opt-in region is switched per account."""
    world.mutate.region_off(member, "me-south-1")
    assert not world.is_on(member, "me-south-1")
    assert world.is_on(member, "af-south-1")
    assert world.is_on(world.caller_account_id, "me-south-1")
    world.mutate.region_on(member, "me-south-1")
    assert world.is_on(member, "me-south-1")


def test_evolution_is_what_it_says(world: World) -> None:
    """The changes that an evolution reports turn the old world into the new one, and the seed decides them."""
    twin = generate_world(accounts=6, regions=3, jobs=8, seed=1)
    before = {target: {job.job_id: job for job in jobs} for target, jobs in world.truth().items()}
    changes = world.mutate.evolve(seed=5, changes=40)
    assert twin.mutate.evolve(seed=5, changes=40) == changes
    assert everything(twin) == everything(world)
    assert {what for what, _, _ in changes} == {"appeared", "updated", "disappeared"}
    after = {target: {job.job_id: job for job in jobs} for target, jobs in world.truth().items()}
    for target, jobs in after.items():
        touched = {job_id for _, where, job_id in changes if where == target}
        changed = {
            job_id for job_id in jobs.keys() | before[target].keys() if jobs.get(job_id) != before[target].get(job_id)
        }
        assert changed <= touched
    assert before != after


def test_jobs_can_be_copied(world: World, member: str) -> None:
    """A deep copy of a job is an equal job."""
    job = world.jobs_of(member, "us-east-1")[0]
    assert copy.deepcopy(job) == job


def test_conditions_do_not_hide_each_other() -> None:
    """Conditions by number choose among what is still visible."""
    world = generate_world(accounts=4, regions=1, jobs=1)
    hidden = [
        *impose(world, Condition(kind=ConditionKind.SUSPENDED, count=1), 0),
        *impose(world, Condition(kind=ConditionKind.ROLE_MISSING, count=2), 0),
        *impose(world, Condition(kind=ConditionKind.MACIE_OFF, count=2), 0),
    ]
    assert len({account_id for account_id, _ in hidden}) == len(hidden) == 4


def test_the_demonstration_has_every_gap() -> None:
    """The demo's world has forty accounts, five regions, and one of each gap."""
    world, plan = demo_world(now=datetime(2026, 1, 1, tzinfo=UTC))
    assert (len(world.accounts), len(world.regions)) == (40, 5)
    struck = {condition.kind: impose(world, condition, plan.seed) for condition in plan.conditions}
    assert set(struck) == set(ConditionKind) - {ConditionKind.NOT_ONBOARDED}
    assert all(struck.values())
    assert plan.rules
    assert plan.max_consecutive == 1


def test_macie_may_be_on_in_some_regions_only() -> None:
    """All regions are offered, but only in the first ones can jobs be seen."""
    world = world_with_macie_in(2, accounts=2, jobs=1, seed=1)
    assert world.regions == MACIE_REGIONS
    assert {region for _, region in world.truth()} == set(MACIE_REGIONS[:2])


def test_an_account_may_be_written_by_hand() -> None:
    """A world needs no generator: one account, no organization."""
    account = Account(id="111122223333", name="only", email="only@example.com")
    world = World(accounts={account.id: account}, organization=None, caller_account_id=account.id)
    assert world.caller_arn == "arn:aws:iam::111122223333:user/inventory"
    assert set(world.truth().values()) == {()}
