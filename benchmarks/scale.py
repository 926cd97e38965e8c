"""Flat memory and linear cost: ours and the floor at 440, 4,400 and 44,000 targets, concurrency 200.

python -m benchmarks.scale
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from benchmarks.contest import CONTESTANTS
from benchmarks.measure import Cell, median_cost
from benchmarks.results import write_results
from benchmarks.run import compare


def main() -> int:
    """Measure every size and write the section `scale` of results.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, nargs="*", default=[20, 200, 2000], help="targets are 22 times as many")
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry-run", action="store_true", help="print, write nothing")
    options = parser.parse_args()
    chosen = [one for one in CONTESTANTS if one.name in {"ours", "floor"}]
    section = {}
    for accounts in options.accounts:
        cell = Cell(accounts=accounts, jobs=options.jobs, concurrency=options.concurrency)
        print(f"{cell.key()}: {options.rounds} rounds", flush=True)
        costs = compare(cell, chosen, rounds=options.rounds, cluster=None)
        medians = {name: asdict(median_cost(several)) for name, several in costs.items()}
        section[cell.key()] = {"targets": cell.targets, "costs": medians}
    if not options.dry_run:
        write_results("scale", section)
    return 0


if __name__ == "__main__":
    sys.exit(main())
