"""The command line as a whole: its help, and its one way of failing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from macie_inventory.cli import app
from macie_inventory.errors import CredentialsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _commands(command: click.Command = app.cli, *above: str) -> Iterator[tuple[str, ...]]:
    yield above
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _commands(below, *above, name)


@pytest.mark.parametrize("command", list(_commands()), ids=" ".join)
def test_every_command_has_its_help(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Help is shown on stdout, with the examples as they are to be typed."""
    assert app.run([*command, "--help"]) == 0
    shown, complaints = capsys.readouterr()
    assert "Usage: macie-inventory " in shown
    assert "\\b" not in shown
    assert "\b" not in shown
    assert complaints == ""
    asked: click.Command = app.cli
    for name in command:
        assert isinstance(asked, click.Group)
        asked = asked.commands[name]
    examples = [line.strip() for line in (asked.help or "").splitlines() if line.startswith("macie-inventory ")]
    for example in examples:
        words = example.split()[:3]
        assert any(line.split()[:3] == words for line in shown.splitlines()), f"{example!r} has no line of its own"


def test_help_says_what_the_exit_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    """Each exit code has a line of its own."""
    assert app.run(["--help"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    meanings = {line[0]: line[1] for line in lines if line and line[0].isdigit()}
    assert meanings == {"0": "complete:", "1": "the", "2": "usage", "3": "partial:", "130": "interrupted"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["no-such-command"], "no-such-command"),
        (["colect"], "collect"),
        (["plan", "--regoin", "eu-west-1"], "--region"),
        (["plan", "stray"], "stray"),
        (["collect", "--format", "yaml"], "yaml"),
        (["plan", "--page-size", "5"], "--page-size"),
        (["collect", "--resume", "--region", "eu-west-1"], "--resume goes on with the scope of its run: drop --region"),
        (["collect", "--concurrency", "0"], "--concurrency: "),
        (["collect", "--config", "absent.toml"], "cannot read the configuration file absent.toml"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(
    arguments: list[str], part: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is printed on stdout, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert app.run(arguments) == 2
    shown, complaint = capsys.readouterr()
    assert shown == ""
    assert complaint.startswith("macie-inventory: error: ")
    assert part in complaint
    assert len(complaint.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("drop\none"), 2, "drop one"),
        (CredentialsError("AWS refused the credentials"), 1, "AWS refused the credentials"),
        (click.Abort(), 130, ""),
        (click.exceptions.Exit(3), 3, ""),
        (RuntimeError("Boom\nboom"), 1, "unexpected RuntimeError: boom boom (--debug shows where)"),
    ],
)
def test_every_error_ends_in_one_line_and_its_exit_code(
    error: Exception, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback reaches a user who has not asked for one."""

    @app.cli.command("fail", hidden=True)
    def fail() -> None:
        """Fail."""
        raise error

    try:
        assert app.run(["fail"]) == code
        complaint = capsys.readouterr().err
        assert complaint == (f"macie-inventory: error: {line}\n" if line else "")
    finally:
        del app.cli.commands["fail"]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["collect", "--help"], ["query", "--help"]])
def test_help_needs_neither_the_sdk_nor_sqlalchemy(arguments: list[str]) -> None:
    """Whoever asks for help does not wait for a second of imports."""
    code = (
        "import sys\n"
        "from macie_inventory.cli.app import run\n"
        f"code = run({arguments!r})\n"
        "slow = {'boto3', 'botocore', 'aiobotocore', 'aioboto3', 'aiohttp', 'sqlalchemy', 'pydantic', 'alembic'}\n"
        "print('SLOW', *sorted(slow & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "SLOW\n"
    assert done.stdout
