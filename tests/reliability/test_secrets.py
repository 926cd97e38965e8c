"""Nothing gets out: no credential and no signature in any output, file or table, however much is logged."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
from tests.support.crash import WarmProgram

from macie_inventory.simulator import (
    Condition,
    ConditionKind,
    Fault,
    FaultKind,
    FaultPlan,
    Rule,
    World,
    generate_world,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from macie_inventory.simulator import Simulator

EXTERNAL_ID = "a-shared-secret-of-two/4711"
PASSWORD = "the-password-of-the-proxy"
ECHOED = "IQoJb3JpZ2luX2VjEFAKETOKEN" + "z" * 40
SIGNATURE = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])|AWS4-HMAC-SHA256")
"""What every signature of version 4 looks like, and the name under which it travels."""
SOCKETS = Path("/proc/net/tcp")
KEY_ID = re.compile(rb"A[KS]IA[A-Z2-7]{16}")

REFUSED = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request "
    f"should have been\n'POST\n/jobs/list\n\nhost:x\nx-amz-date:20260101T000000Z\nx-amz-security-token:{ECHOED}\n\n"
    f"host;x-amz-date\n{'0a' * 32}'\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n{'1b' * 32}'\n"
)
"""What AWS answers to a signature that it refuses: the whole request, the token in it."""


def leaky_world() -> tuple[World, FaultPlan]:
    """Give an organization in which everything is refused once, and a plan of faults that strike every service."""
    world = generate_world(accounts=12, regions=2, jobs=5, seed=37)
    world.external_id = EXTERNAL_ID
    others = [account for account in world.accounts if account != world.caller_account_id]
    refused = Fault(kind=FaultKind.ERROR, status=403, code="InvalidSignatureException", message=REFUSED)
    denied = Fault(kind=FaultKind.ERROR, status=403, code="AccessDenied", message=REFUSED)
    strange = Fault(kind=FaultKind.HTML)
    lasting = (
        Rule(fault=refused, service="macie2", accounts=frozenset(others[:1])),
        Rule(fault=denied, service="sts", operation="AssumeRole", accounts=frozenset(others[1:2])),
        Rule(fault=strange, service="sts", operation="AssumeRole", accounts=frozenset(others[2:3])),
        Rule(fault=Fault(kind=FaultKind.EXPIRED), service="macie2", accounts=frozenset(others[3:4])),
    )
    conditions = (
        Condition(kind=ConditionKind.ROLE_MISSING, accounts=frozenset(others[4:5])),
        Condition(kind=ConditionKind.DENIED, accounts=frozenset(others[5:6])),
        Condition(kind=ConditionKind.SUSPENDED, accounts=frozenset(others[6:7])),
        Condition(kind=ConditionKind.MACIE_OFF, accounts=frozenset(others[7:8])),
    )
    chaos = FaultPlan.recoverable(probability=0.15, seed=3, kinds=set(FaultKind) - {FaultKind.HANG}).chaos
    return world, FaultPlan(rules=lasting, conditions=conditions, chaos=chaos, max_consecutive=2, seed=3)


def known_secrets(simulator: Simulator) -> set[bytes]:
    """Give every secret there is, also as it would stand in a URL."""
    texts = simulator.secrets() | {EXTERNAL_ID, PASSWORD, ECHOED}
    return {form.encode() for text in texts for form in (text, quote(text, safe=""))}


def leaks(texts: dict[str, bytes], secrets: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Find every secret, signature and access key in texts; gives where, and what."""
    found = [(name, secret) for name, text in texts.items() for secret in secrets if secret in text]
    found += [(name, match) for name, text in texts.items() for match in SIGNATURE.findall(text)]
    return found + [(name, match) for name, text in texts.items() for match in KEY_ID.findall(text)]


def everything_in(*folders: Path) -> dict[str, bytes]:
    """Read every file in and below some folders."""
    return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def commands(regions: list[str]) -> list[tuple[int | None, list[str]]]:
    """Give every command that speaks to AWS or to the database, with its exit code where that is known."""
    return [
        (None, ["doctor", "--all", "--region", *regions]),
        (None, ["doctor", "--format", "json", "--region", *regions]),
        (0, ["plan", "--region", *regions]),
        (3, ["collect", "--region", *regions, "--progress", "always", "--metrics-file", "metrics.prom"]),
        (3, ["collect", "--resume", "--format", "json"]),
        (0, ["runs", "show", "last"]),
        (0, ["runs", "show", "--format", "json"]),
        (0, ["query", "SELECT * FROM targets", "--format", "json"]),
        (0, ["query", "SELECT * FROM runs"]),
        (0, ["changes", "--since", "last"]),
        (0, ["export", "--format", "jsonl", "--output", "export"]),
        (0, ["report", "--output", "report.html"]),
        (0, ["demo", "--database", "sqlite:///demo.db"]),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_gets_out(form: str, tmp_path: Path) -> None:
    """Every command, at debug level, under faults and refusals that repeat the request, prints and stores no secret."""
    world, plan = leaky_world()
    folder = tmp_path / "work"
    folder.mkdir()
    always = ["--debug", "--log-level", "debug", "--log-format", form]
    with running(world, faults=plan) as simulator:
        program = WarmProgram(
            folder,
            tmp_path / "output",
            simulator,
            MACIE_INVENTORY_EXTERNAL_ID=EXTERNAL_ID,
            MACIE_INVENTORY_RETRY_BASE_DELAY="0.01",
            MACIE_INVENTORY_RETRY_ATTEMPTS="4",
        )
        for expected, command in commands(list(world.regions)):
            program.run(*command, *always, expect=expected)
        refuse_the_caller(program, simulator, always)
        secrets = known_secrets(simulator)
    assert len(secrets) > 20, "too few credentials were minted to prove anything"
    output = everything_in(tmp_path)
    assert {Path(name).name for name in output} >= {"macie-inventory.db", "metrics.prom", "report.html", "demo.db"}
    assert b"InvalidSignatureException" in output[str(folder / "macie-inventory.db")]
    assert leaks(output, secrets) == []
    for name in ("macie-inventory.db", "demo.db"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


def refuse_the_caller(program: WarmProgram, simulator: Simulator, always: list[str]) -> None:
    """Let the program fail with bad credentials, behind a dead proxy, and on a database that does not answer."""
    environment = dict(program.environment)
    program.environment["AWS_SECRET_ACCESS_KEY"] = ECHOED
    program.run("collect", *always, expect=1)
    program.environment |= environment
    program.environment["HTTP_PROXY"] = f"http://someone:{PASSWORD}@127.0.0.1:9"
    program.run("collect", *always, expect=1)
    del program.environment["HTTP_PROXY"]
    program.run("collect", *always, "--database", f"postgresql://u:{PASSWORD}@127.0.0.1:9/x", expect=1)
    program.run("runs", "list", *always, "--database", f"postgresql://127.0.0.1:9/x?password={PASSWORD}", expect=1)
    program.run("collect", *always, "--external-id", f"{EXTERNAL_ID} with spaces", expect=2)
    simulator.expire_base()
    program.run("collect", *always, expect=1)


def test_the_search_finds_what_it_looks_for() -> None:
    """A secret in any of its forms, a signature and an access key are found in the midst of other bytes."""
    text = b'{"x": "%s"} ' + b"f" * 64 + b" ASIAABCDEFGHIJKLMNOP"
    assert len(leaks({"file": text % b"a%2Fb"}, [b"a/b", b"a%2Fb"])) == 3
    assert leaks({"file": b"0123456789abcdef" * 2 + b" eu-west-1"}, [b"a/b"]) == []


@pytest.mark.skipif(not SOCKETS.exists(), reason="only Linux lists its sockets in a file")
def test_the_simulator_is_bound_to_loopback_only() -> None:
    """The kernel lists no other address for the socket that the simulated AWS listens on."""
    with running(generate_world(accounts=1, regions=1, jobs=0)) as simulator:
        port = urlsplit(simulator.url).port
        assert port is not None
        listening = []
        for line in SOCKETS.read_text(encoding="ascii").splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                listening.append(ipaddress.ip_address(bytes.fromhex(address)[::-1]))
    assert listening
    assert all(address.is_loopback for address in listening)
