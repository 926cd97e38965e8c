"""Where the CPU of one target goes, by component, from py-spy sampling a running collect.

    python -m benchmarks.profile [--contestant ours|floor]

py-spy looks at the process from outside, without stopping it, 100 times a second, at every thread that is on a CPU; so the
proportions are not bent by the profiler. They are scaled by the CPU that the kernel counted for the same work without it. A sample belongs to
the component of its innermost frame that a rule knows; what stands before the first target is `start` and counted apart.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contest import CONTESTANTS, command_of, compete
from benchmarks.measure import ROOT, Cell, Server, running_server
from benchmarks.results import write_results

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

START = "start of the program"
RULES: tuple[tuple[str, str], ...] = (
    (
        START,
        r"importlib\._bootstrap|^<module> |_find_and_load|botocore/loaders|load_default_certs|create_default_context",
    ),
    ("TLS", r"\(ssl\.py|asyncio/sslproto\.py"),
    ("timestamps", r"dateutil/|^_moment |^_microseconds |^_text \(.*floor_store|^timestamp \("),
    ("normalising", r"macie_inventory/normalise\.py|^(_columns|_criteria|FloorStore\.flush\.<locals>)"),
    ("SQLite", r"aiosqlite/core\.py|sqlite3/|FloorStore\.(flush|close|add)"),
    ("statements", r"sqlalchemy/"),
    ("store", r"macie_inventory/store/"),
    ("signing", r"botocore/auth\.py|botocore/signers\.py|botocore/credentials\.py|^Signer\.|hmac\.py|hashlib\.py"),
    ("parsing", r"botocore/parsers\.py|msgspec|json/"),
    ("validation", r"botocore/validate\.py"),
    ("HTTP", r"aiohttp/|yarl/|multidict|aiobotocore/httpsession\.py|urllib/|http/|urllib3/"),
    ("SDK", r"botocore/|aioboto3/|boto3/"),
    ("pipeline", r"macie_inventory/|benchmarks/(contestants/)?floor"),
    ("event loop", r"asyncio/|selectors\.py|anyio/|concurrent/futures|threading\.py"),
)
_COMPILED = tuple((component, re.compile(rule)) for component, rule in RULES)
_STARTING = re.compile(r"importlib\._bootstrap|botocore/loaders|load_default_certs|create_default_context|alembic/")
_RUNNING = re.compile(r"run_forever \(|_bootstrap \(threading")
_FOLDERS = re.compile(r"\(\S*/(?:site-packages|python3\.\d+|src)/")
_LINE = re.compile(r":\d+\)")


def component_of(frames: Sequence[str]) -> str:
    """Name the component of a stack, outermost frame first."""
    if any(map(_STARTING.search, frames)) or not any(map(_RUNNING.search, frames)):
        return START
    for frame in reversed(frames):
        for component, rule in _COMPILED:
            if rule.search(frame):
                return component
    return "other"


def components(stacks: Iterable[tuple[Sequence[str], int]]) -> dict[str, Counter[str]]:
    """Count samples by component, and within it by innermost function."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for frames, samples in stacks:
        counted[component_of(frames)][_LINE.sub(")", frames[-1])] += samples
    return counted


def _stacks(text: str) -> Iterable[tuple[list[str], int]]:
    for line in text.splitlines():
        frames, _, samples = line.rpartition(" ")
        yield [_FOLDERS.sub("(", frame.replace(f"{ROOT}/", "")) for frame in frames.split(";")], int(samples)


def _sample(server: Server, command: Sequence[str], folder: Path) -> str:
    raw = folder / "stacks.txt"
    sampler = [
        "py-spy",
        "record",
        "--format",
        "raw",
        "--rate",
        "500",
        "--full-filenames",
        "--output",
        str(raw),
        "--",
        *command,
    ]
    subprocess.run(sampler, check=True, cwd=ROOT, env=server.environment(), capture_output=True)
    return raw.read_text(encoding="utf-8")


def main() -> int:
    """Profile one contestant and write the section `profile` of results.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contestant", default="ours", choices=["ours", "floor"])
    parser.add_argument("--accounts", type=int, default=200, help="targets are 22 times as many")
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--again", action="store_true", help="profile the second, unchanged run (ours)")
    parser.add_argument("--functions", type=int, default=0, help="print so many functions of each component")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--dry-run", action="store_true", help="print, write nothing")
    options = parser.parse_args()
    contestant = next(one for one in CONTESTANTS if one.name == options.contestant)
    cell = Cell(accounts=options.accounts, concurrency=options.concurrency, tls=options.tls)
    with running_server(cell) as server, tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        costs = compete(contestant, cell, server)
        command = command_of(contestant, cell, server, Path(name))
        if options.again:
            _sample(server, command, Path(name))
        counted = components(_stacks(_sample(server, command, Path(name))))
    cpu = costs[1 if options.again else 0].cpu / cell.targets * 1e6
    total = sum(samples.total() for samples in counted.values())
    section = [
        {
            "component": component,
            "microseconds": samples.total() / total * cpu,
            "share": samples.total() / total,
            "largest": samples.most_common(1)[0][0],
        }
        for component, samples in sorted(counted.items(), key=lambda pair: -pair[1].total())
    ]
    for part in section:
        print(f"{part['microseconds']:8.1f} µs {part['share']:6.1%}  {part['component']}")
        for function, samples in counted[str(part["component"])].most_common(options.functions):
            print(f"{samples / total * cpu:14.1f} µs  {function}")
    print(f"{cpu:8.1f} µs         CPU per target, {total} samples")
    if not (options.dry_run or options.again or options.contestant == "floor"):
        write_results("profile", {"targets": cell.targets, "components": section})
    return 0


if __name__ == "__main__":
    sys.exit(main())
