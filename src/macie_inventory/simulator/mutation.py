"""What can happen to a world between two runs: jobs come, change and go; accounts and Macie are switched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from macie_inventory.simulator.jobs import Job, Target
from macie_inventory.simulator.world import OPT_IN_REGIONS, Account, AccountState, Denial, MacieOff

if TYPE_CHECKING:
    from collections.abc import Mapping

    from macie_inventory.simulator.world import World

_NEXT_STATUS = {
    "RUNNING": ("COMPLETE", "CANCELLED", "PAUSED"),
    "PAUSED": ("RUNNING", "CANCELLED"),
    "USER_PAUSED": ("RUNNING", "CANCELLED"),
    "IDLE": ("RUNNING", "CANCELLED"),
    "COMPLETE": (),
    "CANCELLED": (),
}


@dataclass(frozen=True, slots=True)
class Mutation:
    """The verbs of a world's history; every one changes the world at once."""

    world: World

    def add_job(self, account_id: str, region: str, job: Mapping[str, object]) -> Job:
        """Put a job behind the others of the target and return it as it will be served."""
        added = Job(job)
        self.world.jobs[account_id, region] = (*self.world.jobs_of(account_id, region), added)
        return added

    def change_job(self, account_id: str, region: str, job_id: str, **fields: object) -> Job:
        """Replace fields of a job (None leaves one out) and return the new job; KeyError when there is none."""
        before = self.world.jobs_of(account_id, region)
        found = [job for job in before if job.job_id == job_id]
        if not found:
            raise KeyError(f"no job {job_id} in {account_id} {region}")
        after = found[0].changed(**fields)
        self.world.jobs[account_id, region] = tuple(after if job.job_id == job_id else job for job in before)
        return after

    def set_status(self, account_id: str, region: str, job_id: str, status: str) -> Job:
        """Give a job another status; the details of a pause go when it is no longer paused by its user."""
        if status == "USER_PAUSED":
            return self.change_job(account_id, region, job_id, jobStatus=status)
        return self.change_job(account_id, region, job_id, jobStatus=status, userPausedDetails=None)

    def finish_job(self, account_id: str, region: str, job_id: str, *, error: bool = False) -> Job:
        """Complete a one-time job, or let a recurring one wait for its next run, with or without errors."""
        job = next(job for job in self.world.jobs_of(account_id, region) if job.job_id == job_id)
        self.set_status(account_id, region, job_id, "IDLE" if job.get("jobType") == "SCHEDULED" else "COMPLETE")
        code = "ERROR" if error else "NONE"
        return self.change_job(account_id, region, job_id, lastRunErrorStatus={"code": code})

    def remove_job(self, account_id: str, region: str, job_id: str) -> Job:
        """Let a job vanish and return it; KeyError when there is none."""
        before = self.world.jobs_of(account_id, region)
        gone = [job for job in before if job.job_id == job_id]
        if not gone:
            raise KeyError(f"no job {job_id} in {account_id} {region}")
        self.world.jobs[account_id, region] = tuple(job for job in before if job.job_id != job_id)
        return gone[0]

    def macie_off(self, account_id: str, region: str, words: MacieOff = MacieOff.NOT_ENABLED) -> None:
        """Disable Macie in one region of an account; its jobs are kept for the day it comes back."""
        self.world.macie_off[account_id, region] = words

    def macie_on(self, account_id: str, region: str) -> None:
        """Enable Macie in one region of an account."""
        self.world.macie_off.pop((account_id, region), None)

    def deny(self, account_id: str, region: str, denial: Denial = Denial.SERVICE_CONTROL_POLICY) -> None:
        """Deny the listing of jobs in one region of an account."""
        self.world.denied[account_id, region] = denial

    def allow(self, account_id: str, region: str) -> None:
        """Take a denial back."""
        self.world.denied.pop((account_id, region), None)

    def region_off(self, account_id: str, region: str) -> None:
        """Switch an opt-in region off for an account; ValueError for a region that is always on."""
        if region not in OPT_IN_REGIONS and region not in self.world.other_regions:
            raise ValueError(f"{region} is always on: choose one of {', '.join(sorted(OPT_IN_REGIONS))}")
        every = OPT_IN_REGIONS | set(self.world.other_regions)
        self.world.regions_on[account_id] = self.world.regions_on.get(account_id, every) - {region}

    def region_on(self, account_id: str, region: str) -> None:
        """Switch an opt-in region on for an account."""
        if account_id in self.world.regions_on:
            self.world.regions_on[account_id] |= {region}

    def remove_role(self, account_id: str) -> None:
        """Delete the role that the inventory assumes in an account."""
        self.world.roles_missing.add(account_id)

    def restore_role(self, account_id: str) -> None:
        """Create the role that the inventory assumes in an account."""
        self.world.roles_missing.discard(account_id)

    def set_state(self, account_id: str, state: AccountState) -> None:
        """Give an account another state."""
        self.world.accounts[account_id] = replace(self.world.accounts[account_id], state=state)

    def suspend(self, account_id: str) -> None:
        """Suspend an account: it stays in the organization, but no role can be assumed in it."""
        self.set_state(account_id, AccountState.SUSPENDED)

    def reinstate(self, account_id: str) -> None:
        """Make an account active again."""
        self.set_state(account_id, AccountState.ACTIVE)

    def add_account(self, account: Account) -> None:
        """Let an account join."""
        self.world.accounts[account.id] = account

    def remove_account(self, account_id: str) -> Account:
        """Let an account leave and return it."""
        return self.world.accounts.pop(account_id)

    def evolve(self, *, seed: int, changes: int) -> list[tuple[str, Target, str]]:
        """Let `changes` random things happen to the jobs that an inventory can see.

        Returns what happened, in order: ("appeared" | "updated" | "disappeared", target, job id). The same seed
        on the same world always does the same.
        """
        random = Random(f"evolve/{seed}")  # noqa: S311 - reproducible, not secret
        targets = sorted(self.world.truth())
        return [self._happen(random, random.choice(targets), number) for number in range(changes)]

    def _happen(self, random: Random, target: Target, number: int) -> tuple[str, Target, str]:
        jobs = self.world.jobs_of(*target)
        chosen = random.choice(jobs) if jobs else None
        what = random.choice(("appeared", "updated", "updated", "disappeared"))
        if chosen is None or what == "appeared":
            name = f"evolved-{number}"
            job = {"jobId": f"{random.getrandbits(128):032x}", "name": name, "jobStatus": "RUNNING"}
            added = self.add_job(*target, {**job, "jobType": "ONE_TIME", "createdAt": "2026-02-01T00:00:00.000Z"})
            return "appeared", target, added.job_id
        if what == "disappeared":
            return what, target, self.remove_job(*target, chosen.job_id).job_id
        following = _NEXT_STATUS.get(str(chosen.get("jobStatus")), ())
        if following:
            self.set_status(*target, chosen.job_id, random.choice(following))
        else:
            self.change_job(*target, chosen.job_id, name=f"{chosen.get('name', '')} ({number})")
        return what, target, chosen.job_id
