"""The program in a process that can be killed: its own output, its own environment, nothing shared."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.context import ForkServerContext
    from multiprocessing.process import BaseProcess
    from pathlib import Path

__all__ = ["run_program", "started"]


def run_program(arguments: Sequence[str], environment: Mapping[str, str], output: str) -> None:
    """Run the command line as a process does, with stdout and stderr in files; leaves with its exit code."""
    from macie_inventory.cli.app import run  # noqa: PLC0415 - imported already where this is forked

    for stream, name in ((1, "out"), (2, "err")):
        file = os.open(f"{output}.{name}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.dup2(file, stream)
        os.close(file)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    warnings.simplefilter("error")
    code = run(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextmanager
def started(
    processes: ForkServerContext, arguments: Sequence[str], environment: Mapping[str, str], output: Path
) -> Iterator[BaseProcess]:
    """Start the program for the length of the block; what is still running then is killed."""
    process = processes.Process(target=run_program, args=(arguments, dict(environment), str(output)))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
        process.close()
