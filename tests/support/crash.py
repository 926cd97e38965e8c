"""The program in a process that is cheap to start and can be killed: its own output, its own environment."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.processes import warm_processes
from tests.support.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from macie_inventory.simulator import Simulator

__all__ = ["WarmProgram", "run_program"]


def run_program(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    output: str,
    before: Callable[[], object] | None = None,
) -> None:
    """Run the command line as a process does, with stdout and stderr in files; leaves with its exit code.

    `before` is called first: it may take away what the process has, such as its user or its room on the disk.
    """
    from macie_inventory.cli.app import run  # noqa: PLC0415 - imported already where this is forked

    for stream, name in ((1, "out"), (2, "err")):
        file = os.open(f"{output}.{name}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.dup2(file, stream)
        os.close(file)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", buffering=1, closefd=False)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    warnings.simplefilter("error")
    if before is not None:
        before()
    code = run(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class WarmProgram(Program):
    """Runs `macie-inventory` in processes forked from one that has imported it; the rest is `Program`.

    What was printed lies in `output`, one pair of files for each process. `before` is called in each of them first.
    """

    def __init__(
        self,
        folder: Path,
        output: Path,
        simulator: Simulator | None = None,
        before: Callable[[], object] | None = None,
        **environment: str,
    ) -> None:
        super().__init__(folder, simulator, **environment)
        self.before = before
        self.output = output
        self.output.mkdir(exist_ok=True)
        self._numbers = itertools.count(1)

    @contextmanager
    def forked(self, *arguments: str) -> Iterator[tuple[BaseProcess, Path]]:
        """Start it for the length of the block, with the name of its output; what still runs then is killed."""
        output = self.output / f"{next(self._numbers):04}"
        process = warm_processes().Process(
            target=run_program,
            args=(arguments, dict(self.environment), str(self.folder), str(output), self.before),
        )
        process.start()
        try:
            yield process, output
        finally:
            process.kill()
            process.join()
            process.close()

    def run(self, *arguments: str, expect: int | None = 0, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run it to its end; `expect` is the exit code that it must have."""
        with self.forked(*arguments) as (process, output):
            process.join(timeout)
            assert process.exitcode is not None, f"{arguments} takes more than {timeout} seconds"
            done = subprocess.CompletedProcess(
                arguments,
                process.exitcode,
                output.with_suffix(".out").read_text(),
                output.with_suffix(".err").read_text(),
            )
        if expect is not None:
            assert done.returncode == expect, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        if "--debug" not in arguments:
            assert "Traceback" not in done.stderr, done.stderr
        return done
