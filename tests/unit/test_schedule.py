"""The schedule, simulated with regions that answer, die, come back or never answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macie_inventory.model import Target
from macie_inventory.outcome import Failure, Kind, Phase
from macie_inventory.pipeline.schedule import Schedule, Wait, Work

COOL_OFF = 5.0
FAILURE = Failure(phase=Phase.LIST, kind=Kind.CONNECT, code="ConnectTimeoutError")


@dataclass(kw_only=True)
class _Simulation:
    """Some workers over one schedule; `up` says whether a region answers at a moment."""

    schedule: Schedule
    outages: dict[str, list[tuple[float, float]]]
    unmet: frozenset[str] = frozenset()
    """accounts whose visits end before they meet their region, as those do whose role is denied"""
    durations: list[float]
    width: int
    now: float = 0.0
    visits: list[tuple[float, Target, str]] = field(default_factory=list)
    running: list[tuple[float, Work]] = field(default_factory=list)
    met: set[str] = field(default_factory=set)
    most_probes: int = 0
    steps: int = 0

    def run(self) -> dict[Target, list[str]]:
        """Work until the schedule is done; give how each target ended."""
        ends: dict[Target, list[str]] = {}
        done = False
        while not done or self.running:
            self.steps += 1
            assert self.steps < 20_000, "the schedule never ends"
            while not done and len(self.running) < self.width:
                taken = self.schedule.take(self.now)
                if taken is None:
                    done = True
                elif isinstance(taken, Wait):
                    break
                elif taken.failure is not None:
                    ends.setdefault(taken.target, []).append("given up")
                    self.schedule.finished(taken)
                else:
                    self._begin(taken)
            if self.running:
                self._step(ends)
            elif not done:
                taken = self.schedule.take(self.now)
                assert isinstance(taken, Wait)
                assert taken.until is not None, "nobody works, and nothing is waited for"
                assert taken.until > self.now
                self.now = taken.until
        return ends

    def up(self, region: str, moment: float) -> bool:
        return not any(begin <= moment < end for begin, end in self.outages.get(region, ()))

    def _begin(self, work: Work) -> None:
        duration = self.durations[len(self.visits) % len(self.durations)]
        self.running.append((self.now + duration, work))
        self.visits.append((self.now, work.target, work.target.region))
        if work.target.region not in self.met:
            probes = sum(other.target.region == work.target.region for _, other in self.running)
            self.most_probes = max(self.most_probes, probes)

    def _step(self, ends: dict[Target, list[str]]) -> None:
        self.running.sort(key=lambda entry: entry[0])
        self.now, work = self.running.pop(0)
        target = work.target
        if target.account_id in self.unmet:
            ends.setdefault(target, []).append("unmet")
            self.schedule.finished(work)
        elif self.up(target.region, self.now):
            self.met.add(target.region)
            self.schedule.reached(work)
            self.schedule.finished(work)
            ends.setdefault(target, []).append("done")
        else:
            self.schedule.unreachable(work, FAILURE, self.now)


def _targets(accounts: int, regions: int) -> list[Target]:
    return [Target(f"{account:012d}", f"region-{region}") for account in range(accounts) for region in range(regions)]


moments = st.floats(0.0, 60.0)
worlds = st.fixed_dictionaries(
    {
        "accounts": st.integers(1, 8),
        "regions": st.integers(1, 4),
        "outages": st.dictionaries(
            st.sampled_from([f"region-{number}" for number in range(4)]),
            st.lists(st.tuples(moments, moments | st.just(float("inf"))), max_size=3),
        ),
        "unmet": st.frozensets(st.sampled_from([f"{account:012d}" for account in range(8)]), max_size=4),
        "durations": st.lists(st.floats(0.01, 10.0), min_size=1, max_size=5),
        "width": st.integers(1, 8),
    }
)


def _simulate(world: dict[str, object]) -> tuple[_Simulation, list[Target], dict[Target, list[str]]]:
    accounts, regions = world["accounts"], world["regions"]
    assert isinstance(accounts, int)
    assert isinstance(regions, int)
    targets = _targets(accounts, regions)
    simulation = _Simulation(
        schedule=Schedule(targets, cool_off=COOL_OFF),
        outages=world["outages"],  # type: ignore[arg-type]
        unmet=world["unmet"],  # type: ignore[arg-type]
        durations=world["durations"],  # type: ignore[arg-type]
        width=world["width"],  # type: ignore[arg-type]
    )
    return simulation, targets, simulation.run()


@given(worlds)
def test_every_target_ends_exactly_once(world: dict[str, object]) -> None:
    """Whatever the regions do, nothing is lost, nothing is visited to its end twice, and the schedule ends."""
    simulation, targets, ends = _simulate(world)
    assert sorted(ends) == sorted(targets)
    assert all(len(how) == 1 for how in ends.values())
    assert simulation.schedule.take(simulation.now) is None


@given(worlds)
def test_an_unmet_region_is_met_by_one_target_first(world: dict[str, object]) -> None:
    """Until a region has answered, one target at most is on its way to it."""
    simulation, _, _ = _simulate(world)
    assert simulation.most_probes <= 1


@given(worlds, st.sampled_from(["region-0", "region-1"]))
def test_a_dead_region_costs_two_visits_at_most(world: dict[str, object], dead: str) -> None:
    """A region that never answers is tried twice, a cool-off apart; the rest of its targets are given up."""
    world = {**world, "outages": {dead: [(0.0, float("inf"))]}, "unmet": frozenset()}
    simulation, targets, ends = _simulate(world)
    tries = [(moment, target) for moment, target, region in simulation.visits if region == dead]
    assert len(tries) <= 2
    if len(tries) == 2:
        assert tries[1][0] - tries[0][0] >= COOL_OFF
    for target in targets:
        assert ends[target] == (["given up"] if target.region == dead else ["done"])


@given(worlds)
def test_living_regions_are_visited_once_per_target(world: dict[str, object]) -> None:
    """Where everything answers, no target is handed out twice."""
    simulation, targets, ends = _simulate({**world, "outages": {}})
    assert len(simulation.visits) == len(targets)
    assert all(how in (["done"], ["unmet"]) for how in ends.values())


def test_a_region_that_comes_back_is_visited_after_all() -> None:
    """The probe after the cool-off finds it alive, and the targets put aside follow."""
    targets = _targets(5, 1)
    simulation = _Simulation(
        schedule=Schedule(targets, cool_off=COOL_OFF),
        outages={"region-0": [(0.0, 4.0)]},
        durations=[1.0],
        width=3,
    )
    assert simulation.run() == {target: ["done"] for target in targets}
    assert len(simulation.visits) == len(targets) + 1


def test_the_others_go_on_while_a_region_cools_off() -> None:
    """Workers are handed the targets of living regions first, and wait only when there is nothing else."""
    dead, alive = Target("1" * 12, "dead"), [Target(f"{number:012d}", "alive") for number in range(3)]
    schedule = Schedule([dead, *alive], cool_off=COOL_OFF)
    probe = schedule.take(0.0)
    assert isinstance(probe, Work)
    assert probe.target == dead
    schedule.unreachable(probe, FAILURE, 1.0)
    for target in alive:
        work = schedule.take(1.0)
        assert isinstance(work, Work)
        assert work.target == target
        schedule.reached(work)
        schedule.finished(work)
    assert schedule.take(1.0) == Wait(1.0 + COOL_OFF)
    again = schedule.take(1.0 + COOL_OFF)
    assert isinstance(again, Work)
    assert again.target == dead
    assert schedule.take(6.0) == Wait(None)
    schedule.unreachable(again, FAILURE, 7.0)
    given_up = schedule.take(7.0)
    assert isinstance(given_up, Work)
    assert (given_up.target, given_up.failure) == (dead, FAILURE)
    schedule.finished(given_up)
    assert schedule.take(7.0) is None


def test_a_failing_visit_does_not_stand_for_its_region() -> None:
    """When the first target ends without having met its region, the next one meets it."""
    targets = _targets(3, 1)
    schedule = Schedule(targets, cool_off=COOL_OFF)
    first = schedule.take(0.0)
    assert isinstance(first, Work)
    assert schedule.take(0.0) == Wait(None)
    schedule.finished(first)
    second = schedule.take(0.0)
    assert isinstance(second, Work)
    assert second.target == targets[1]
    assert schedule.take(0.0) == Wait(None)


def test_those_on_their_way_when_a_region_breaks_say_nothing_new() -> None:
    """Many failures of one moment are one failure of the region."""
    targets = _targets(10, 1)
    schedule = Schedule(targets, cool_off=COOL_OFF)
    first = schedule.take(0.0)
    assert isinstance(first, Work)
    schedule.reached(first)
    others = [schedule.take(0.0) for _ in range(4)]
    for work in (first, *others):
        assert isinstance(work, Work)
        schedule.unreachable(work, FAILURE, 1.0)
    assert schedule.take(1.0) == Wait(1.0 + COOL_OFF)
    probe = schedule.take(6.0)
    assert isinstance(probe, Work)
    assert probe.failure is None
    schedule.reached(probe)
    assert isinstance(schedule.take(6.0), Work)


@pytest.mark.parametrize("targets", [[], _targets(1, 1)])
def test_a_schedule_ends(targets: list[Target]) -> None:
    """No targets, or one: then None, as often as it is asked."""
    schedule = Schedule(targets, cool_off=COOL_OFF)
    for target in targets:
        work = schedule.take(0.0)
        assert isinstance(work, Work)
        assert work.target == target
        schedule.finished(work)
    assert schedule.take(0.0) is None
    assert schedule.take(0.0) is None
