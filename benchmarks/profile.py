"""Where the CPU of one target goes, by component, from py-spy sampling a running collect.

    python -m benchmarks.profile [--contestant ours|floor]

py-spy looks at the process from outside, without stopping it, 200 times a second, at every thread that is on a CPU; so the
proportions are not bent by the profiler. They are scaled by the CPU that the kernel counted for the same work without it.
A sample belongs to the component of its innermost frame that a rule knows; what stands before the first target is
`start of the program` and counted apart.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contest import CONTESTANTS, command_of
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
    ("timestamps", r"dateutil/|^moment |^_microseconds |^_text \(.*floor_store|^timestamp \("),
    ("normalising", r"macie_inventory/normalise/|^(_columns|_criteria|FloorStore\.flush\.<locals>)"),
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
_ROOT = re.compile(r"^(<module>|_run_module_as_main) ")
_RUNNING = re.compile(r"run_forever \(|_bootstrap \(threading")
_FOLDERS = re.compile(r"\(\S*/(?:site-packages|python3\.\d+|src)/")
_LINE = re.compile(r":\d+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSeconds:
    """The CPU of a process by kind of thread: its main one, with the event loop, and all others."""

    main: float
    others: float


def component_of(frames: Sequence[str]) -> str:
    """Name the component of a stack, outermost frame first."""
    rooted = _ROOT.search(frames[0]) is not None  # a stack that py-spy caught in motion may have lost its outer end
    if any(map(_STARTING.search, frames)) or (rooted and not any(map(_RUNNING.search, frames))):
        return START
    for frame in reversed(frames):
        for component, rule in _COMPILED:
            if rule.search(frame):
                return component
    return "other"


def components(stacks: Iterable[tuple[Sequence[str], int]], seconds: ThreadSeconds) -> dict[str, dict[str, float]]:
    """Give seconds by component, and within it by innermost function.

    A thread that waits for the interpreter's lock can look busy from outside, so each kind of thread has its samples
    scaled to the CPU that the kernel counted for it.
    """
    kept = list(stacks)
    total = Counter({True: 0, False: 0})
    for frames, samples in kept:
        total[_beside(frames)] += samples
    counted: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for frames, samples in kept:
        beside = _beside(frames)
        share = samples / total[beside] * (seconds.others if beside else seconds.main)
        counted[component_of(frames)][_LINE.sub(")", frames[-1])] += share
    return counted


def _beside(frames: Sequence[str]) -> bool:
    return any("_bootstrap (threading" in frame for frame in frames)


def _stacks(text: str) -> Iterable[tuple[list[str], int]]:
    for line in text.splitlines():
        frames, _, samples = line.rpartition(" ")
        yield [_FOLDERS.sub("(", frame.replace(f"{ROOT}/", "")) for frame in frames.split(";")], int(samples)


def _sample(server: Server, command: Sequence[str], folder: Path) -> str:
    raw = folder / "stacks.txt"
    how = ["--nonblocking", "--format", "raw", "--rate", "200", "--full-filenames", "--output", str(raw)]
    sampler = ["py-spy", "record", *how, "--", *command]
    subprocess.run(sampler, check=True, cwd=ROOT, env=server.environment(), capture_output=True)
    return raw.read_text(encoding="utf-8")


def _thread_seconds(server: Server, command: Sequence[str]) -> ThreadSeconds:
    """Run a command and read what its threads have used, until it ends."""
    process = subprocess.Popen(command, cwd=ROOT, env=server.environment(), stdout=subprocess.DEVNULL)
    used: dict[str, float] = {}
    while process.poll() is None:
        for stat in Path(f"/proc/{process.pid}/task").glob("*/stat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                fields = stat.read_text().rpartition(")")[2].split()
                used[stat.parent.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        time.sleep(0.02)
    assert process.returncode == 0
    main = used.pop(str(process.pid))
    return ThreadSeconds(main=main, others=sum(used.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contestant", default="ours", choices=["ours", "floor"])
    parser.add_argument("--accounts", type=int, default=200, help="targets are 22 times as many")
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--again", action="store_true", help="profile the second, unchanged run (ours)")
    parser.add_argument("--functions", type=int, default=0, help="print so many functions of each component")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--dry-run", action="store_true", help="print, write nothing")
    return parser.parse_args()


def main() -> int:
    """Profile one contestant and write the section `profile` of results.json."""
    options = _options()
    contestant = next(one for one in CONTESTANTS if one.name == options.contestant)
    cell = Cell(accounts=options.accounts, concurrency=options.concurrency, tls=options.tls)
    with running_server(cell) as server, tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        command = command_of(contestant, cell, server, Path(name))
        if options.again:
            _thread_seconds(server, command)
        seconds = _thread_seconds(server, command)
        if not options.again:
            for file in Path(name).glob("jobs.db*"):
                file.unlink()
        counted = components(_stacks(_sample(server, command, Path(name))), seconds)
    unit, total = 1e6 / cell.targets, seconds.main + seconds.others
    section = []
    for component, functions in sorted(counted.items(), key=lambda pair: -sum(pair[1].values())):
        used = sum(functions.values())
        largest = sorted(functions, key=lambda function: -functions[function])
        section.append(
            {"component": component, "microseconds": used * unit, "share": used / total, "largest": largest[0]}
        )
        print(f"{used * unit:8.1f} µs {used / total:6.1%}  {component}")
        for function in largest[: options.functions]:
            print(f"{functions[function] * unit:14.1f} µs  {function}")
    print(f"{total * unit:8.1f} µs         CPU per target, {seconds.others * unit:.1f} µs of it beside the main thread")
    if not (options.dry_run or options.again or options.contestant == "floor"):
        write_results("profile", {"targets": cell.targets, "components": section})
    return 0


if __name__ == "__main__":
    sys.exit(main())
