"""Side by side: every contestant against the same endpoint, in turns, medians of several rounds.

    python -m benchmarks.run --quick     a first impression, under two minutes
    python -m benchmarks.run             the comparison that benchmarks/README.md shows

Single comparisons: `--accounts 20 --jobs 10 --concurrency 50 --latency 0 --contestants ours,floor --rounds 5`.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import asdict
from itertools import product
from typing import TYPE_CHECKING

from benchmarks.contest import CONTESTANTS, compete, postgres
from benchmarks.measure import Cell, median_cost, running_server
from benchmarks.results import read_results, write_results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contest import Contestant
    from benchmarks.measure import Cost

_ALL = tuple(contestant.name for contestant in CONTESTANTS)
_FAST = ("ours", "ours-postgres", "floor")
_NO_NAIVE = ("ours", "better", "aio", "floor")

Comparison = tuple[Cell, tuple[str, ...]]

QUICK: tuple[Comparison, ...] = (
    (Cell(accounts=2), _ALL),
    (Cell(accounts=50), _FAST),
)
FULL: tuple[Comparison, ...] = (
    (Cell(accounts=20), _ALL),
    (Cell(accounts=20, tls=True), _ALL),
    (Cell(accounts=100, latency=50), _NO_NAIVE),
    (Cell(accounts=20, latency=50, concurrency=200), _NO_NAIVE),
    (Cell(accounts=200), _FAST),
    (Cell(accounts=200, tls=True), _FAST),
    (Cell(accounts=200, jobs=0), _FAST),
    (Cell(accounts=200, jobs=200), _FAST),
    (Cell(accounts=200, concurrency=200, latency=50), _FAST),
    (Cell(accounts=200, concurrency=200, latency=50, tls=True), _FAST),
)


def compare(
    cell: Cell, contestants: Sequence[Contestant], *, rounds: int, cluster: str | None
) -> dict[str, list[Cost]]:
    """Let the contestants work in turns, the order turned round every time, and give the costs by name.

    What ours costs when nothing changed comes as `NAME again`.
    """
    costs: dict[str, list[Cost]] = {}
    for number in range(rounds):
        for contestant in contestants if number % 2 == 0 else reversed(contestants):
            with running_server(cell) as server:
                results = compete(contestant, cell, server, cluster=cluster)
            for name, cost in zip((contestant.name, f"{contestant.name} again"), results, strict=False):
                costs.setdefault(name, []).append(cost)
                print(
                    f"  {name:20} {cost.cpu / cell.targets * 1000:9.3f} ms CPU/target  {cost.wall:7.2f} s  "
                    f"{cost.memory / 1e6:6.1f} MB  {cost.connections:5} connections",
                    flush=True,
                )
    return costs


def _comparisons(options: argparse.Namespace) -> list[Comparison]:
    if not (options.accounts or options.contestants):
        return list(QUICK if options.quick else FULL)
    wanted = tuple(options.contestants.split(",")) if options.contestants else _ALL
    transports = {"plain": [False], "tls": [True], "both": [False, True]}[options.transport]
    cells = product(options.accounts or [20], options.jobs, options.concurrency, options.latency, transports)
    return [
        (Cell(accounts=accounts, jobs=jobs, concurrency=concurrency, latency=latency, tls=tls), wanted)
        for accounts, jobs, concurrency, latency, tls in cells
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few targets, three rounds")
    parser.add_argument("--rounds", type=int, help="runs of each contestant (5, quick 3)")
    parser.add_argument("--accounts", type=int, nargs="*", help="instead of a preset; targets are 22 times as many")
    parser.add_argument("--jobs", type=int, nargs="*", default=[10], help="per target; a page holds 50")
    parser.add_argument("--concurrency", type=int, nargs="*", default=[50])
    parser.add_argument("--latency", type=float, nargs="*", default=[0.0], help="milliseconds")
    parser.add_argument("--transport", choices=["plain", "tls", "both"], default="plain")
    parser.add_argument("--contestants", help=f"comma-separated, of {', '.join(_ALL)}")
    parser.add_argument("--keep", action="store_true", help="keep what results.json has of other comparisons")
    parser.add_argument("--dry-run", action="store_true", help="print, write nothing")
    return parser.parse_args()


def main() -> int:
    """Run the comparisons and write results.json, the table and the picture."""
    options = _options()
    rounds = options.rounds or (3 if options.quick else 5)
    comparisons = _comparisons(options)
    results = read_results()
    section = dict(results.get("side_by_side", {})) if options.keep else {}
    with contextlib.ExitStack() as stack:
        cluster = None
        if any("ours-postgres" in names for _, names in comparisons):
            cluster = stack.enter_context(postgres())
        for cell, names in comparisons:
            chosen = [
                one for one in CONTESTANTS if one.name in names and (one.largest is None or cell.targets <= one.largest)
            ]
            print(f"{cell.key()}: {rounds} rounds", flush=True)
            costs = compare(cell, chosen, rounds=rounds, cluster=cluster)
            section[cell.key()] = {
                "cell": asdict(cell),
                "rounds": rounds,
                "costs": {name: asdict(median_cost(several)) for name, several in costs.items()},
            }
            if not options.dry_run:
                write_results("side_by_side", section)
    return 0


if __name__ == "__main__":
    sys.exit(main())
