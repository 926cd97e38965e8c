"""Run commands as a user does, and outside programs as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from macie_inventory.errors import MacieInventoryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import rich_click as click

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))


def invoke(command: click.Command, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command in this process and give its standard output; the program's own errors are raised."""
    result = CliRunner().invoke(command, list(arguments), env=dict(env or {}), standalone_mode=False)
    if isinstance(result.exception, MacieInventoryError):
        raise result.exception
    assert result.exception is None, result.exception
    return result.stdout


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, however it ends; never longer than a minute."""
    words = [str(argument) for argument in arguments]
    return subprocess.run(words, check=False, capture_output=True, text=True, timeout=60, **options)


def cfn_findings(files: Sequence[Path]) -> list[str]:
    """Give what cfn-lint has to say about templates, in every region that matters."""
    options = ("--format", "json", "--include-checks", "I")
    result = run(SCRIPTS / "cfn-lint", *options, "--regions", "us-east-1", "eu-central-1", "--", *files)
    findings = json.loads(result.stdout or "[]")
    assert result.returncode == 0 or findings, result.stderr
    return [f"{Path(finding['Filename']).name}: {finding['Rule']['Id']} {finding['Message']}" for finding in findings]


def macie_inventory(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program as a process of its own, in an environment that holds nothing of AWS but what is given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MACIE_", "OTEL_"))}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return run(sys.executable, "-m", "macie_inventory", *arguments, env=inherited | nowhere | dict(env or {}), cwd=cwd)
