"""Runs one program against the benchmark's endpoint and says what it cost, as the kernel counted it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["ROOT", "Cell", "Cost", "Server", "median_cost", "run_program", "running_server"]

ROOT = Path(__file__).resolve().parent.parent
_TAIL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The circumstances that all contestants of one comparison share; latency is in milliseconds."""

    accounts: int
    regions: int = 22
    jobs: int = 10
    page: int = 50
    concurrency: int = 50
    latency: float = 0
    tls: bool = False

    @property
    def targets(self) -> int:
        """How many pairs of account and region there are to visit."""
        return self.accounts * self.regions

    def key(self) -> str:
        """Name the circumstances in a few characters, unique among cells."""
        transport = "tls" if self.tls else "plain"
        return f"{self.targets}x{self.jobs} c{self.concurrency} {self.latency:g}ms {transport}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run cost: seconds, bytes, and what the endpoint counted; `server_cpu` is a database server's."""

    cpu: float
    wall: float
    memory: int
    connections: int
    connections_peak: int
    connections_peak_region: int
    calls: int
    assume_role_calls: int
    server_cpu: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The endpoint while it runs: its URL, and the certificates to trust when it speaks TLS."""

    url: str
    certificate: Path | None

    def ask(self, path: str, *, method: str = "GET") -> dict[str, Any]:
        """Read one of the endpoint's own pages."""
        context = ssl.create_default_context(cafile=str(self.certificate)) if self.certificate else None
        with urlopen(Request(self.url + path, method=method), context=context) as response:  # noqa: S310 - our own endpoint
            answer: dict[str, Any] = json.load(response)
        return answer

    def environment(self) -> dict[str, str]:
        """Give the environment in which any AWS client talks to the endpoint, and reads nobody's configuration."""
        environment = {
            name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV") if name in os.environ
        }
        environment |= {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIABENCHMARK",
            "AWS_SECRET_ACCESS_KEY": "no-secret",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if self.certificate:
            environment["AWS_CA_BUNDLE"] = str(self.certificate)
        return environment


@contextlib.contextmanager
def running_server(cell: Cell) -> Iterator[Server]:
    """Run the endpoint in a process of its own for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-endpoint-"))
    command = [sys.executable, "-m", "benchmarks.server", "--accounts", str(cell.accounts), "--jobs", str(cell.jobs)]
    command += ["--page", str(cell.page), "--latency", str(cell.latency)]
    if cell.tls:
        command += ["--tls", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, "the benchmark's endpoint did not start"
        yield Server(url=json.loads(first)["url"], certificate=_bundle(folder) if cell.tls else None)
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        shutil.rmtree(folder)


def _bundle(folder: Path) -> Path:
    """Add the endpoint's certificate to those that the SDK ships: reading a hundred of them is what a client costs in life."""
    package = find_spec("botocore")
    assert package is not None
    assert package.origin is not None
    bundle = folder / "bundle.pem"
    shipped = Path(package.origin).with_name("cacert.pem").read_bytes()
    bundle.write_bytes(shipped + b"\n" + (folder / "certificate.pem").read_bytes())
    return bundle


def run_program(server: Server, command: Sequence[str], *, folder: Path) -> Cost:
    """Run a command to its end and give its cost; its children's CPU counts too.

    Raises RuntimeError with the end of its output when it fails. Peak memory starts at this process's own, which Linux
    carries over `exec`: import nothing large here.
    """
    server.ask("/reset", method="POST")
    output = folder / "output.txt"
    with output.open("wb") as sink:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=server.environment(), stdout=sink, stderr=sink)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        text = output.read_text(errors="replace")[-_TAIL:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{text}")
    stats = server.ask("/stats")
    return Cost(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=wall,
        memory=usage.ru_maxrss * 1024,
        connections=stats["connections"] - 1,  # the one that asks for the numbers
        connections_peak=stats["connections_peak"],
        connections_peak_region=max(stats["connections_peak_by_region"].values(), default=0),
        calls=sum(stats["calls"].values()),
        assume_role_calls=stats["calls"].get("AssumeRole", 0),
    )


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Give the median of each number by itself."""
    columns = {name: median(asdict(cost)[name] for cost in costs) for name in asdict(costs[0])}
    return Cost(**columns)
