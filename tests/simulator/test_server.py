"""The server binds to loopback, survives its clients, counts them, and closes at once."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import pytest
from tests.simulator.clients import Clients, list_jobs, signed

import macie_inventory.simulator
from macie_inventory.simulator import Ending, Fault, FaultKind, FaultPlan, Rule, World, generate_world, running, serve

if TYPE_CHECKING:
    from macie_inventory.simulator import Simulator

HANG = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.HANG)),))


async def post(sim: Simulator, session: aiohttp.ClientSession, region: str = "us-east-1") -> tuple[int, bytes]:
    """List the jobs of the caller's account; return status and body."""
    request = signed(sim, "macie2", region=region, path="/jobs/list", body=b"{}").prepare()
    async with session.post(request.url, data=request.body, headers=dict(request.headers)) as response:
        return response.status, await response.read()


@pytest.mark.anyio
async def test_serves_in_the_same_loop(world: World) -> None:
    """In-process the server answers tasks of the same event loop, and leaves no task behind."""
    before = asyncio.all_tasks()
    async with serve(world) as sim, aiohttp.ClientSession() as session:
        answers = await asyncio.gather(*(post(sim, session, region) for region in world.regions for _ in range(10)))
        assert {status for status, _ in answers} == {200}
        assert sim.calls.total == 30
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])  # noqa: S104 - refused
def test_only_loopback(world: World, host: str) -> None:
    """Any host but loopback is refused before a socket is opened."""
    with pytest.raises(ValueError, match="loopback only"), running(world, host=host):
        pytest.fail("it listens")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_every_loopback_name(world: World, host: str) -> None:
    """Loopback by number and by name is served, on a free port, which the URL names."""
    with running(world, host=host) as sim:
        assert urlsplit(sim.url).port
        assert list_jobs(sim).status == 200


def test_a_port_that_is_taken(world: World) -> None:
    """A port that is in use is an error of the starting thread, not a hang."""
    with running(world) as sim:
        port = urlsplit(sim.url).port or 0
        with pytest.raises(OSError, match="address already in use"), running(world, port=port):
            pytest.fail("it listens")


def test_closing_cuts_hanging_calls(world: World) -> None:
    """Calls that hang for ever end at once when the server closes, well before their time limit."""
    ended: list[BaseException] = []

    def ask(sim: Simulator) -> None:
        try:
            list_jobs(sim)
        except OSError as error:
            ended.append(error)

    with running(world, faults=HANG) as sim:
        threads = [threading.Thread(target=ask, args=(sim,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        _wait(lambda: sim.calls.total == 5)
        start = time.monotonic()
    assert time.monotonic() - start < 1
    for thread in threads:
        thread.join(2)
    assert len(ended) == 5
    assert not [thread for thread in threading.enumerate() if thread.name == "simulator"]


def test_closing_with_idle_connections(world: World) -> None:
    """A connection that is kept alive does not keep the server open."""
    with running(world) as sim, socket.create_connection(("127.0.0.1", urlsplit(sim.url).port or 0)) as idle:
        idle.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 403")
        start = time.monotonic()
        sim_url = sim.url
    assert time.monotonic() - start < 0.5
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(sim_url, timeout=2)  # noqa: S310 - our own URL


@pytest.mark.anyio
async def test_clients_that_leave(world: World) -> None:
    """Clients that go away before, within or after their request leave no task and no count behind."""
    async with serve(world, faults=HANG) as sim:
        port = urlsplit(sim.url).port or 0
        good = signed(sim, "macie2", path="/jobs/list", body=b"{}").prepare()
        head = "".join(f"{name}: {value}\r\n" for name, value in good.headers.items())
        whole = f"POST /jobs/list HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{head}\r\n{{}}".encode()
        for text in (b"", b"POST /jobs", whole[:-1], whole, b"\x16\x03\x01\x02\x00\x01\x00garbage\r\n\r\n"):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(text)
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        await asyncio.sleep(0.1)
        assert sim.calls.total == 1
        assert sim.calls.under_way == 0
        names = [task.get_coro() for task in asyncio.all_tasks()]
        assert len(names) <= 2, names
        sim.reset(faults=FaultPlan())
        async with aiohttp.ClientSession() as session:
            assert (await post(sim, session))[0] == 200


def test_requests_that_are_none(sim: Simulator) -> None:
    """Unknown paths, wrong JSON, wrong forms and huge bodies are refused, and the server goes on."""
    from tests.simulator.clients import send  # noqa: PLC0415 - only here

    refused = [
        signed(sim, "macie2", path="/none", body=b"{}"),
        signed(sim, "macie2", path="/jobs/list", body=b"{"),
        signed(sim, "macie2", path="/jobs/list", body=b"[]"),
        signed(sim, "organizations", body=b"{}", headers={"X-Amz-Target": "Nobody.ListAccounts"}),
        signed(sim, "organizations", body=b"\xff", headers={"X-Amz-Target": "AWSOrganizationsV20161128.ListRoots"}),
        signed(sim, "sts", body=b"Action=None&Version=2011-06-15"),
        signed(sim, "sts", body=b"Action=GetCallerIdentity&Version=2000-01-01"),
        signed(sim, "sts", body=b"\xff\xfe"),
    ]
    assert {send(request).status // 100 for request in refused} == {4}
    assert sim.calls.count(ending=Ending.REFUSED) == len(refused)
    assert list_jobs(sim).status == 200


def test_tls(world: World, tmp_path: Path) -> None:
    """With a TLS context the URL is https and boto3 can be pointed at it."""
    certificate = tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",  # noqa: S607 - from PATH
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(certificate), "-out", str(tmp_path / "public.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    public = (tmp_path / "public.pem").read_text()
    certificate.write_text(certificate.read_text() + public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running(world, ssl_context=context) as sim:
        assert sim.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(tmp_path / "public.pem"))
        request = signed(sim, "macie2", path="/jobs/list", body=b"{}").prepare()
        plain = urllib.request.Request(request.url, b"{}", dict(request.headers), method="POST")  # noqa: S310 - our own URL
        with urllib.request.urlopen(plain, context=trusting, timeout=5) as response:  # noqa: S310 - our own URL
            assert json.loads(response.read())["items"]


def test_the_ledger_counts_by_target(sim: Simulator, clients: Clients, member: str) -> None:
    """Calls are counted by service, operation, account and region, with their signers."""
    macie = clients.macie(member, "us-east-2")
    macie.list_classification_jobs()
    list_jobs(sim, nextToken="none")
    calls = sim.calls
    assert calls.total == 3
    assert calls.count(service="sts", operation="AssumeRole", account_id=member) == 1
    assert calls.count(service="macie2", account_id=member, region="us-east-2") == 1
    assert calls.count(service="macie2", ending=Ending.ANSWERED) == 1
    assert calls.count(ending=Ending.REFUSED) == 1
    assert calls.codes == {"ValidationException": 1}
    assert [(signed.call.operation, signed.account_id) for signed in calls.signers] == [
        ("AssumeRole", sim.world.caller_account_id),
        ("ListClassificationJobs", member),
        ("ListClassificationJobs", sim.world.caller_account_id),
    ]
    assert calls.signers[1].access_key.startswith("ASIA")
    sim.reset()
    assert (calls.total, calls.signers, calls.codes) == (0, [], {})
    for _ in range(3):
        list_jobs(sim)
    assert calls.peak_by_target == {(sim.world.caller_account_id, "us-east-1"): 1}


def test_the_ledger_knows_the_peak(world: World) -> None:
    """The highest number of calls at once is known per target and in all."""
    delay = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.DELAY, seconds=0.2)),))

    async def ask(sim: Simulator) -> None:
        async with aiohttp.ClientSession() as session:
            regions = ["us-east-1", "us-east-1", "us-east-1", "us-east-2"]
            await asyncio.gather(*(post(sim, session, region) for region in regions))

    with running(world, faults=delay) as sim:
        asyncio.run(ask(sim))
        assert sim.calls.peak_by_target == {
            (world.caller_account_id, "us-east-1"): 3,
            (world.caller_account_id, "us-east-2"): 1,
        }
        assert sim.calls.peak == 4
        assert sim.calls.under_way == 0


def test_reset_takes_another_world(sim: Simulator, clients: Clients, member: str) -> None:
    """After a reset another world of the same caller is served, and sessions go on; another caller is refused."""
    macie = clients.macie(member)
    other = generate_world(accounts=6, regions=3, jobs=1, seed=1)
    sim.reset(world=other)
    assert len(macie.list_classification_jobs()["items"]) == 1
    with pytest.raises(ValueError, match="another caller"):
        sim.reset(world=generate_world(seed=99))


def test_secrets_are_all_that_was_given_out(sim: Simulator, clients: Clients, world: World, member: str) -> None:
    """The secrets for a leak test are the keys, tokens and the external id."""
    world.external_id = "theirs"
    credentials = clients.assume(member, ExternalId="theirs")
    assert sim.secrets() == {
        sim.environment()["AWS_SECRET_ACCESS_KEY"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        "theirs",
    }


def test_nothing_is_left_of_many_servers(world: World) -> None:
    """Starting and stopping leaves no thread, socket or file descriptor behind."""
    with running(world):
        pass
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    for _ in range(10):
        with running(world) as sim:
            list_jobs(sim)
    gc.collect()
    assert (len(list(Path("/proc/self/fd").iterdir())), threading.active_count()) == before


def test_the_aws_cli(sim: Simulator, world: World, member: str, tmp_path: Path) -> None:
    """The unmodified AWS CLI lists accounts, assumes a role and lists every job with the environment given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {**clean, **sim.environment(), "HOME": str(tmp_path), "AWS_PAGER": ""}

    def aws(*words: str, **extra: str) -> dict[str, list[dict[str, str]]]:
        command = [sys.executable, "-m", "awscli", *words, "--output", "json"]
        done = subprocess.run(command, env={**environment, **extra}, check=True, capture_output=True, timeout=60)
        answer: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
        return answer

    accounts = aws("organizations", "list-accounts")["Accounts"]
    assert {account["Id"] for account in accounts} == world.accounts.keys()
    role = f"arn:aws:iam::{member}:role/{world.role_name}"
    keys: dict[str, str] = aws("sts", "assume-role", "--role-arn", role, "--role-session-name", "cli")["Credentials"]  # type: ignore[assignment]
    jobs = aws(
        *("macie2", "list-classification-jobs", "--page-size", "3"),
        AWS_ACCESS_KEY_ID=keys["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=keys["SecretAccessKey"],
        AWS_SESSION_TOKEN=keys["SessionToken"],
    )["items"]
    assert [job["jobId"] for job in jobs] == [job.job_id for job in world.jobs_of(member, "us-east-1")]


def test_it_imports_nothing_of_the_rest() -> None:
    """Importing the simulator loads no other module of this package."""
    code = (
        "import sys, macie_inventory.simulator\n"
        "print(*sorted(n for n in sys.modules if n.startswith('macie_inventory')))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = [name for name in done.stdout.split() if not name.startswith("macie_inventory.simulator")]
    assert loaded == ["macie_inventory"]


def test_everything_that_is_offered_exists() -> None:
    """Each name of `__all__` can be imported."""
    assert all(hasattr(macie_inventory.simulator, name) for name in macie_inventory.simulator.__all__)


def _wait(until: object, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not until():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)
