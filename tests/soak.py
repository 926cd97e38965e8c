"""A long trial: thousands of fault plans and kills, with their counts. `make soak` runs it.

    python -m tests.soak --plans 5000 --kills 1000

Every plan and kill has a number from which it follows, so that one that failed can be tried again alone
(`--plans 1 --first NUMBER`). Exit code 1 when anything failed.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from tests.support.kills import Killing, killing_world, survive_kill
from tests.support.plans import make_empty_database, survive
from tests.support.processes import warm_processes

from macie_inventory.simulator import running

if TYPE_CHECKING:
    from concurrent.futures import Future

FIRST = 100_000
"""The numbers below are those of the tests."""

WIDTH = 4
AT_A_TIME = 200


class Trial:
    """Counts what was tried and what failed, and says so now and then."""

    def __init__(self) -> None:
        self.began = self.spoke = time.monotonic()
        self.tried: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.failures: list[str] = []

    def note(self, kind: str, number: int, error: BaseException | None) -> None:
        """Take in the end of one plan or kill."""
        self.tried[kind] += 1
        if error is not None:
            self.failures.append(f"{kind} {number}: {''.join(traceback.format_exception_only(error)).strip()}")
            say(self.failures[-1])
        if time.monotonic() - self.spoke > 30:
            self.spoke = time.monotonic()
            say(self.summary())

    def summary(self) -> str:
        """Sum it up in a line."""
        return (
            f"{time.monotonic() - self.began:.0f} s: {self.tried['plan']} plans with {self.faults.total()} faults, "
            f"{self.tried['kill']} kills, {self.tried['kill in mid-run']} of them in mid-run; "
            f"{len(self.failures)} failures"
        )


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 - what a trial is for


def try_plans(trial: Trial, first: int, count: int, empty: Path, folder: Path) -> None:
    """Try fault plans, several at a time."""
    with ProcessPoolExecutor(WIDTH, mp_context=warm_processes()) as pool:
        for begin in range(first, first + count, AT_A_TIME):
            numbers = range(begin, min(begin + AT_A_TIME, first + count))
            plans: dict[Future[Counter[str]], int] = {
                pool.submit(anyio.run, survive, number, empty, folder): number for number in numbers
            }
            for plan in as_completed(plans):
                error = plan.exception()
                if error is None:
                    trial.faults += plan.result()
                trial.note("plan", plans[plan], error)


def try_kills(trial: Trial, first: int, count: int, empty: Path, folder: Path) -> None:
    """Kill runs at random moments, one after the other."""
    if not count:
        return
    with running(killing_world()) as simulator:
        killing = Killing(simulator=simulator, folder=folder)
        killing.calibrate(f"sqlite:///{shutil.copy(empty, folder / 'calibration.db')}")
        for number in range(first, first + count):
            error: Exception | None = None
            try:
                trial.tried["kill in mid-run"] += survive_kill(killing, empty, number)
            except Exception as caught:  # noqa: BLE001 - the trial goes on, and ends with exit code 1
                error = caught
            trial.note("kill", number, error)


def main() -> int:
    """Read the options, try everything, print the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--plans", type=int, default=5000, help="random fault plans (default: 5000)")
    parser.add_argument("--kills", type=int, default=1000, help="runs killed at a random moment (default: 1000)")
    parser.add_argument("--first", type=int, default=FIRST, help=f"the first number (default: {FIRST})")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    trial = Trial()
    with tempfile.TemporaryDirectory(prefix="macie-soak-") as name:
        folder = Path(name)
        empty = anyio.run(make_empty_database, folder)
        try:
            try_plans(trial, options.first, options.plans, empty, folder)
            try_kills(trial, options.first, options.kills, empty, folder)
        except KeyboardInterrupt:
            say("interrupted; until then:")
    say(trial.summary())
    for kind, number in trial.faults.most_common():
        say(f"  {number:7} {kind}")
    for failure in trial.failures:
        say(failure)
    return 1 if trial.failures else 0


if __name__ == "__main__":
    sys.exit(main())
