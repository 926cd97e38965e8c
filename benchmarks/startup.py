"""What the program costs before it does anything: CPU of `--help`, of `--version`, and of a collect of one target.

python -m benchmarks.startup
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.contest import CONTESTANTS, command_of
from benchmarks.measure import Cell, run_program, running_server
from benchmarks.results import write_results


def main() -> int:
    """Measure in turns and write the section `startup` of results.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--dry-run", action="store_true", help="print, write nothing")
    options = parser.parse_args()
    cell = Cell(accounts=1, regions=1)
    program = [sys.executable, "-m", "macie_inventory"]
    cpu: dict[str, list[float]] = {}
    with running_server(cell) as server, tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        collect = command_of(CONTESTANTS[0], cell, server, Path(name))
        commands = {
            "python": [sys.executable, "-c", ""],
            "--version": [*program, "--version"],
            "--help": [*program, "--help"],
        }
        for number in range(options.rounds):
            for what, command in (commands | {"collect of one target": collect}).items():
                if what.startswith("collect"):
                    (Path(name) / "jobs.db").unlink(missing_ok=True)
                cost = run_program(server, command, folder=Path(name))
                if number:  # the first round fills the caches of the disk and of compiled modules
                    cpu.setdefault(what, []).append(cost.cpu)
    medians = {what: median(several) for what, several in cpu.items()}
    for what, seconds in medians.items():
        print(f"{seconds:6.3f} s  {what}")
    if not options.dry_run:
        write_results("startup", medians)
    return 0


if __name__ == "__main__":
    sys.exit(main())
