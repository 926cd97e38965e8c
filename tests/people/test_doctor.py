"""The examination: every check fails for its own reason, says the next step, and nothing is written."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from tests.people.terminal import clean_environment
from tests.support.line import aws_environment, quick_limits

from macie_inventory.config import RoleSettings, Scope
from macie_inventory.doctor import CHECKS, Check, CheckStatus, checks_as_json, examine
from macie_inventory.model import Account, RunStart, Target
from macie_inventory.simulator import Denial, Fault, FaultKind, FaultPlan, Rule, generate_world, running, serve
from macie_inventory.store import open_store, parse_database_url
from macie_inventory.store.migrate import upgrade

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from macie_inventory.simulator import Simulator, World

pytestmark = pytest.mark.anyio

REGIONS = ("us-east-1", "us-east-2")


def small_world() -> World:
    """Give 12 accounts in two regions, each with two jobs."""
    return generate_world(accounts=12, regions=2, jobs=2, seed=5)


async def examined(
    simulator: Simulator, tmp_path: Path, *, scope: Scope | None = None, database: str = "", every: bool = False
) -> dict[str, Check]:
    """Examine from an environment that points at the simulator."""
    told: list[Check] = []
    limits = quick_limits(connect_timeout=0.5)
    with aws_environment(simulator):
        checks = await examine(
            scope or Scope(organizational_units=False, region=REGIONS),
            limits,
            database or f"sqlite:///{tmp_path}/inventory.db",
            source="a test",
            every_account=every,
            tell=told.append,
        )
    assert told == checks
    assert [check.name for check in checks] == list(CHECKS)
    assert all(check.next_step for check in checks if check.status is not CheckStatus.OK)
    return {check.name: check for check in checks}


def failed(checks: Mapping[str, Check]) -> set[str]:
    """Name the checks that failed."""
    return {name for name, check in checks.items() if check.status is CheckStatus.FAILED}


def files(folder: Path) -> dict[str, bytes]:
    """Give every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_all_is_well(tmp_path: Path) -> None:
    """Where nothing is wrong every check is ok, no job is read, five roles are assumed and nothing is written."""
    async with serve(small_world()) as simulator:
        checks = await examined(simulator, tmp_path)
        assert {check.status for check in checks.values()} == {CheckStatus.OK}
        assert simulator.calls.count(operation="AssumeRole") == 5
        assert simulator.calls.count(operation="ListClassificationJobs") == 5 + 2
        assert "5 of 11 accounts" in checks["member_role"].detail
        assert simulator.world.caller_arn in checks["credentials"].detail
        assert "12 accounts × 2 regions" in checks["organizations"].detail
    assert not files(tmp_path)


async def test_every_account_can_be_tried(tmp_path: Path) -> None:
    """With --all each role is assumed once, and the one that fails is found."""
    world = small_world()
    without = max(account for account in world.accounts if account != world.caller_account_id)
    world.mutate.remove_role(without)
    async with serve(world) as simulator:
        checks = await examined(simulator, tmp_path, every=True)
        assert simulator.calls.count(operation="AssumeRole") == 11
    assert failed(checks) == {"member_role"}
    assert f"fails in 1 of 11 accounts tried: {without}" in checks["member_role"].detail
    assert "trust policy" in str(checks["member_role"].next_step)


async def test_a_role_that_exists_nowhere(tmp_path: Path) -> None:
    """When no role can be assumed, the regions are still asked for the caller's own account."""
    async with serve(small_world()) as simulator:
        checks = await examined(
            simulator,
            tmp_path,
            scope=Scope(organizational_units=False, region=REGIONS, role=RoleSettings(role_name="Other")),
        )
    assert failed(checks) == {"member_role"}
    assert "fails in 5 of 5 accounts tried" in checks["member_role"].detail
    assert simulator.world.caller_account_id in checks["listing"].detail


async def test_only_the_callers_own_account(tmp_path: Path) -> None:
    """A caller-only run needs neither Organizations nor a role."""
    async with serve(small_world()) as simulator:
        checks = await examined(
            simulator, tmp_path, scope=Scope(organizational_units=False, discovery="caller", region=REGIONS)
        )
        assert simulator.calls.count(service="organizations") == 0
    assert not failed(checks)
    assert "not needed" in checks["member_role"].detail


async def test_a_denied_region(tmp_path: Path) -> None:
    """A region that a policy denies is named, with the error as AWS put it."""
    world = small_world()
    for account_id in world.accounts:
        world.mutate.deny(account_id, "us-east-2", Denial.SERVICE_CONTROL_POLICY)
    async with serve(world) as simulator:
        checks = await examined(simulator, tmp_path)
    assert failed(checks) == {"listing"}
    assert "1 of 2 regions fail" in checks["listing"].detail
    assert "service control policy" in checks["listing"].detail
    assert "SCP" in str(checks["listing"].next_step)


async def test_macie_that_is_off_is_no_failure(tmp_path: Path) -> None:
    """A region in which Macie is off answers, and that is said."""
    world = small_world()
    for account_id in world.accounts:
        world.mutate.macie_off(account_id, "us-east-2")
    async with serve(world) as simulator:
        checks = await examined(simulator, tmp_path)
    assert not failed(checks)
    assert "2 of 2 regions answer" in checks["listing"].detail
    assert "1 macie_disabled" in checks["listing"].detail


async def test_an_unreachable_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens for Macie, the role counts as working and the listing does not."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    async with serve(small_world()) as simulator:
        given = simulator.environment()
        monkeypatch.setattr(simulator, "environment", lambda: given | {"AWS_ENDPOINT_URL_MACIE2": url})
        checks = await examined(simulator, tmp_path)
    assert failed(checks) == {"listing"}
    assert "region_unreachable" in checks["listing"].detail


async def test_organizations_that_deny(tmp_path: Path) -> None:
    """Without organizations:ListAccounts the accounts are unknown, and what depends on them is skipped."""
    denied = Fault(kind=FaultKind.ERROR, status=400, code="AccessDeniedException", message="You don't have permissions")
    plan = FaultPlan(rules=(Rule(fault=denied, service="organizations"),))
    async with serve(small_world(), faults=plan) as simulator:
        checks = await examined(simulator, tmp_path)
    assert failed(checks) == {"organizations"}
    assert "organizations:ListAccounts" in checks["organizations"].detail
    assert {name for name, check in checks.items() if check.status is CheckStatus.SKIPPED} == {"member_role", "listing"}


async def test_units_that_stay_unknown_are_a_warning(tmp_path: Path) -> None:
    """A caller that may list accounts but not units can collect."""
    denied = Fault(kind=FaultKind.ERROR, status=400, code="AccessDeniedException", message="no")
    plan = FaultPlan(rules=(Rule(fault=denied, service="organizations", operation="ListRoots"),))
    async with serve(small_world(), faults=plan) as simulator:
        checks = await examined(simulator, tmp_path, scope=Scope(region=REGIONS))
    assert not failed(checks)
    assert checks["organizations"].status is CheckStatus.WARNING
    assert "units stay unknown" in checks["organizations"].detail


async def test_a_scope_that_leaves_nothing(tmp_path: Path) -> None:
    """A scope that fits no account is a failure of discovery, with the reasons."""
    async with serve(small_world()) as simulator:
        checks = await examined(
            simulator, tmp_path, scope=Scope(organizational_units=False, region=REGIONS, account_name=("nothing-*",))
        )
    assert failed(checks) == {"organizations"}
    assert "filtered by --account-name" in checks["organizations"].detail


async def test_credentials_that_are_refused(tmp_path: Path) -> None:
    """Expired credentials fail, the endpoint itself answers, and the rest is skipped."""
    async with serve(small_world()) as simulator:
        simulator.expire_base()
        checks = await examined(simulator, tmp_path)
    assert failed(checks) == {"credentials"}
    assert "ExpiredToken" in checks["credentials"].detail
    assert checks["sts"].status is CheckStatus.OK
    assert checks["clock"].status is CheckStatus.OK
    assert checks["listing"].status is CheckStatus.SKIPPED


async def test_an_sts_endpoint_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a connection to STS nothing is known of the credentials, and the endpoint is named."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    async with serve(small_world()) as simulator:
        given = simulator.environment()
        monkeypatch.setattr(simulator, "environment", lambda: given | {"AWS_ENDPOINT_URL": url})
        checks = await examined(simulator, tmp_path)
    assert failed(checks) == {"credentials", "sts"}
    assert url in checks["sts"].detail
    assert "see below" in str(checks["credentials"].next_step)
    assert checks["clock"].status is CheckStatus.WARNING


@pytest.mark.parametrize(
    ("minutes", "status", "words"),
    [(10, "failed", "behind"), (-10, "failed", "ahead of"), (2, "warning", "behind"), (0, "ok", "within")],
)
async def test_a_clock_that_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: int, status: str, words: str
) -> None:
    """The service's Date header tells how far this host's clock is off, though the service refuses every signature."""

    async def refuse(_: web.BaseRequest) -> web.Response:
        date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
        body = (
            "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>expired</Message></Error></ErrorResponse>"
        )
        return web.Response(status=403, text=body, content_type="text/xml", headers={"Date": date})

    runner = web.ServerRunner(web.Server(refuse))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with serve(small_world()) as simulator:
        given = simulator.environment()
        monkeypatch.setattr(simulator, "environment", lambda: given | {"AWS_ENDPOINT_URL": url})
        checks = await examined(simulator, tmp_path)
    await runner.cleanup()
    assert checks["clock"].status == status
    assert words in checks["clock"].detail
    assert "credentials" in failed(checks)


async def test_a_database_at_head_is_left_as_it_is(tmp_path: Path) -> None:
    """A migrated database is ok, and no byte or file of it changes."""
    url = f"sqlite:///{tmp_path}/inventory.db"
    await upgrade(parse_database_url(url))
    before = files(tmp_path)
    async with serve(small_world()) as simulator:
        checks = await examined(simulator, tmp_path, database=url)
    assert checks["database"].status is CheckStatus.OK
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("content", "detail", "step"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "9999", "upgrade macie-inventory"),
        ("CREATE TABLE other (x); DROP TABLE alembic_version", "another program", "--database"),
    ],
)
async def test_databases_that_do_not_fit(tmp_path: Path, content: str, detail: str, step: str) -> None:
    """A newer schema and another program's file fail, each with its next step."""
    url = f"sqlite:///{tmp_path}/inventory.db"
    await upgrade(parse_database_url(url))
    with closing(sqlite3.connect(tmp_path / "inventory.db")) as connection:
        connection.executescript(content)
    async with serve(small_world()) as simulator:
        checks = await examined(simulator, tmp_path, database=url)
    assert failed(checks) == {"database"}
    assert detail in checks["database"].detail
    assert step in str(checks["database"].next_step)


@pytest.mark.parametrize("database", ["mysql://x/y", "sqlite:////nowhere/at/all.db", "inventory.db"])
async def test_database_urls_that_cannot_be(tmp_path: Path, database: str) -> None:
    """A URL that names no usable database is the database's failure."""
    async with serve(small_world()) as simulator:
        checks = await examined(simulator, tmp_path, database=database)
    assert failed(checks) == {"database"}


async def test_a_database_in_use_is_a_warning(tmp_path: Path) -> None:
    """While a run is collecting, the examination says who does, and does not fail."""
    url = f"sqlite:///{tmp_path}/inventory.db"
    run = RunStart(
        run_id="0" * 8,
        started_at="2026-11-01T00:00:00.000000Z",
        tool_version="1",
        caller_arn="arn",
        partition="aws",
        scope={},
    )
    async with open_store(url) as store, serve(small_world()) as simulator:
        await store.begin_run(run, [Account(account_id="1" * 12)], [Target("1" * 12, "us-east-1")])
        checks = await examined(simulator, tmp_path, database=url)
    assert not failed(checks)
    assert checks["database"].status is CheckStatus.WARNING
    assert "00000000" in checks["database"].detail


def doctor(simulator: Simulator, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "macie_inventory", "doctor", *arguments],
        cwd=folder,
        env=clean_environment(**simulator.environment()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_says_what_a_person_needs(tmp_path: Path) -> None:
    """In text each check has its mark, a failure its next step, and the exit code is 1."""
    world = small_world()
    for account_id in world.accounts:
        world.mutate.remove_role(account_id)
    with running(world) as simulator:
        result = doctor(simulator, tmp_path, "--region", *REGIONS)
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert [line[0] for line in lines if line[:1] in "✓✗!-" and line] == list("✓✓✓✓✗✓✓✓")
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  next: create the role") for line in lines)
    assert lines[-1] == "mend what is marked ✗, then run it again"
    assert not list(tmp_path.iterdir())


def test_the_command_in_json(tmp_path: Path) -> None:
    """As JSON it is one object; a sound set-up exits with 0, a configuration that cannot be read with 1."""
    with running(small_world()) as simulator:
        well = doctor(simulator, tmp_path, "--format", "json", "--region", *REGIONS)
        (tmp_path / "macie-inventory.toml").write_text("regoin = ['eu-west-1']\n")
        ill = doctor(simulator, tmp_path, "--format", "json")
    assert well.returncode == 0, well.stderr
    assert json.loads(well.stdout)["ok"] is True
    assert [check["check"] for check in json.loads(well.stdout)["checks"]] == list(CHECKS)
    assert ill.returncode == 1
    first, *others = json.loads(ill.stdout)["checks"]
    assert (first["status"], json.loads(ill.stdout)["ok"]) == ("failed", False)
    assert "did you mean" in first["detail"]
    assert {check["status"] for check in others} == {"skipped"}


def test_a_warning_does_not_fail() -> None:
    """Only a failed check makes the examination fail."""
    warning = Check(name="clock", status=CheckStatus.WARNING, detail="", next_step="x")
    assert checks_as_json([warning])["ok"] is True
