"""The display of a run: in terminals of any width, and never outside of one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.people.terminal import clean_environment, see

from macie_inventory.cli import display
from macie_inventory.cli.logs import configure_logs
from macie_inventory.model import Account, Harvest, Outcome, Target
from macie_inventory.settings import Settings
from macie_inventory.simulator import Fault, FaultKind, FaultPlan, Rule, generate_world, running

if TYPE_CHECKING:
    from pathlib import Path

    from macie_inventory.simulator import Simulator

COLOUR = re.compile(r"\x1b\[[\d;]*\b(?:3\d|4\d|9\d|10\d)[\d;]*m")


def in_pipes(simulator: Simulator, folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the program without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "macie_inventory", "collect", "--region", *simulator.world.regions, *arguments],
        cwd=folder,
        env=clean_environment(**simulator.environment(), **env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("columns", [80, 40])
def test_a_terminal_sees_the_run_progress(slow_organization: Simulator, tmp_path: Path, columns: int) -> None:
    """The display shows what the run does, in one piece at every moment, and gives way to the summary."""
    arguments = ("collect", "--region", *slow_organization.world.regions)
    seen = see(
        *arguments, cwd=tmp_path, env=clean_environment(**slow_organization.environment()), columns=columns, rows=60
    )
    assert seen.code == 3
    during = ["\n".join(screen) for screen in seen.screens]
    assert any("looking for accounts" in screen for screen in during)
    working = [screen for screen in during if re.search(r"\d+/60 +\d+% .*\d\d:\d\d left", screen)]
    assert working
    assert all("20 accounts × 3 regions, 60 targets" in screen for screen in working)
    assert any(
        re.search(r"\d+ jobs   [1-9]\d* gaps   [1-9]\d* throttled   [1-9]\d*\s+retries", text) for text in working
    )
    assert any("gaps: role_denied 6" in screen for screen in working)
    assert any(re.search(r"slow: +\d\.\d s  \d{12}", screen) for screen in working)
    assert not [screen for screen in during if screen.count(" left") > 1], "the display was torn"
    assert not [line for line in seen.last if " left" in line or "throttled   " in line], "the display stayed"
    assert "✗ role_denied" in "\n".join(seen.last)
    assert seen.written.rindex("\x1b[?25h") > seen.written.rindex("\x1b[?25l"), "the cursor stayed hidden"


def test_log_lines_stand_above_the_display(organization: Simulator, tmp_path: Path) -> None:
    """Every log line of a run with a display is whole, and there is one for each target."""
    arguments = ("collect", "--debug", "--region", *organization.world.regions)
    env = clean_environment(**organization.environment())
    seen = see(*arguments, cwd=tmp_path, env=env, columns=200, rows=40)
    done = [line for line in seen.last if "target done" in line]
    assert len(done) == 60
    for line in done:
        assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \[debug\] target done +account_id=\d{12} ", line), line
        assert re.search(r"region=us-(east|west)-\d$", line), line


def test_no_color_means_no_colour(organization: Simulator, tmp_path: Path) -> None:
    """With NO_COLOR neither the display nor the log nor the summary is coloured; without it they are."""
    arguments = ("collect", "--log-level", "info", "--region", *organization.world.regions)
    env = clean_environment(**organization.environment())
    assert COLOUR.search(see(*arguments, cwd=tmp_path, env=env).written)
    plain = see(*arguments, cwd=tmp_path, env=env | {"NO_COLOR": "1"})
    assert "run begins" in plain.written
    assert not COLOUR.search(plain.written)


@pytest.mark.parametrize("variables", [{}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}])
def test_pipes_receive_no_cursor_movements(organization: Simulator, tmp_path: Path, variables: dict[str, str]) -> None:
    """Without a terminal no display is drawn, whatever colours are asked for; without FORCE_COLOR no escape at all."""
    result = in_pipes(organization, tmp_path, "--log-level", "info", **variables)
    assert result.returncode == 3
    assert "role_denied" in result.stdout
    written = result.stdout + result.stderr
    assert not re.search(r"\x1b\[[^m]*[A-LN-Za-ln-z]|\r", written)
    if not variables:
        assert "\x1b" not in written


def test_json_is_one_object_beside_a_display(organization: Simulator, tmp_path: Path) -> None:
    """With the display on the terminal's stderr, stdout carries one JSON object and nothing else."""
    reader, writer = os.pipe()
    arguments = ("collect", "--format", "json", "--region", *organization.world.regions)
    seen = see(*arguments, cwd=tmp_path, env=clean_environment(**organization.environment()), stdout=writer)
    os.close(writer)
    with os.fdopen(reader) as stdout:
        run = json.load(stdout)
    assert run["status"] == "partial"
    assert "60 targets" in seen.written
    assert "✗" not in seen.written


def test_a_second_signal_leaves_the_cursor_visible(tmp_path: Path) -> None:
    """A run that is stopped at once, in the middle of its display, gives the terminal its cursor back."""
    world = generate_world(accounts=3, regions=1, jobs=1, seed=3)
    hang = FaultPlan(rules=(Rule(fault=Fault(kind=FaultKind.HANG), service="macie2"),))
    with running(world, faults=hang) as simulator:
        env = clean_environment(**simulator.environment())
        seen = see("collect", "--region", "us-east-1", cwd=tmp_path, env=env, interrupt_at=("3 targets", "once more"))
    assert seen.code == 130
    assert seen.written.rindex("\x1b[?25h") > seen.written.rindex("\x1b[?25l")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "1 of 2 targets, 0 jobs, 1 gaps\n"),
        ({"format": "json"}, ""),
        ({"format": "json", "progress": "always"}, "1 of 2 targets, 0 jobs, 1 gaps\n"),
        ({"progress": "never"}, ""),
    ],
)
def test_lines_now_and_then(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: dict[str, str], expected: str
) -> None:
    """Without a terminal, text mode and `always` write a line when it is time; JSON mode and `never` none."""
    monkeypatch.setattr(display, "LINE_EVERY", 0.0)
    monkeypatch.setattr(display, "LINE_EVERY_WHEN_ASKED", 0.0)
    settings = Settings(**options)  # type: ignore[arg-type]
    with display.open_display(settings, configure_logs(settings)) as observer:
        target = Target("111111111111", "eu-west-1")
        observer.planned("a-run", [Account(account_id="111111111111")], [target, Target("111111111111", "eu-west-2")])
        observer.harvested(Harvest(target=target, outcome=Outcome.THROTTLED))
    assert capfd.readouterr().err == expected
