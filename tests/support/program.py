"""The program as its users run it: a process of its own, against a simulator in a thread of the test."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from macie_inventory.simulator import Simulator

__all__ = ["Program", "rows", "stored_jobs"]


class Program:
    """Runs `macie-inventory` in one folder with one environment."""

    def __init__(self, folder: Path, simulator: Simulator | None = None, **environment: str) -> None:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "MACIE_INVENTORY_")) and not name.lower().endswith("_proxy")
        }
        aws = simulator.environment() if simulator else {}
        nobody = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        self.folder = folder
        # Walking the organization's tree at AWS's rates takes seconds that few tests are about.
        quick = {"MACIE_INVENTORY_ORGANIZATIONAL_UNITS": "false", "PYTHONWARNINGS": "error"}
        self.environment = clean | nobody | aws | quick | environment

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it, without waiting."""
        return subprocess.Popen(
            [sys.executable, "-m", "macie_inventory", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background job would hand down an ignored SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - the child runs no threads
        )

    def run(self, *arguments: str, expect: int | None = 0, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run it to its end; `expect` is the exit code that it must have."""
        process = self.start(*arguments)
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        done = subprocess.CompletedProcess(arguments, process.returncode, output, errors)
        if expect is not None:
            assert done.returncode == expect, f"exit code {done.returncode}\n{output}\n{errors}"
        assert "Traceback" not in errors, errors
        return done

    def collect(self, *arguments: str, expect: int | None = 0) -> dict[str, Any]:
        """Collect and give the object that it printed, which is all of its output."""
        done = self.run("collect", "--format", "json", *arguments, expect=expect)
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed

    def refused(self, *arguments: str, expect: int = 2) -> str:
        """Run what must fail with exactly one line on stderr and nothing on stdout; give the line."""
        done = self.run(*arguments, expect=expect)
        assert done.stdout == ""
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        return lines[0]


def rows(database: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Query an SQLite file by hand."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql, parameters).fetchall()


def stored_jobs(database: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Give the jobs that are there, as they were received, by account, region and id."""
    stored: dict[tuple[str, str], dict[str, Any]] = {}
    for account_id, region, job_id, raw in rows(
        database, "SELECT account_id, region, job_id, raw FROM jobs WHERE missing_since IS NULL"
    ):
        stored.setdefault((account_id, region), {})[job_id] = json.loads(raw)
    return stored
