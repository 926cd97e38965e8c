"""A terminal of a given size, in which the program runs as it does for a person."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LONGEST = 60.0
"""Seconds after which a program counts as stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a terminal showed: everything that was written to it, and its screen at each moment that it changed."""

    code: int
    written: str
    screens: Sequence[Sequence[str]]

    @property
    def last(self) -> Sequence[str]:
        """The screen, with what scrolled off its top, when the program had ended."""
        return self.screens[-1]


def clean_environment(**given: str) -> dict[str, str]:
    """Give this process's environment without what would change the program's behaviour, and with what is given."""
    unwanted = ("AWS_", "MACIE_", "OTEL_")
    names = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted) and name not in names}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return kept | nowhere | {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"} | given


def see(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str],
    columns: int = 80,
    rows: int = 24,
    stdout: int | None = None,
    interrupt_at: Sequence[str] = (),
) -> Seen:
    """Run the program in a terminal of this size until it ends; `stdout` may go elsewhere.

    It is interrupted as soon as each of the texts of `interrupt_at` has shown, one after the other.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    screen = pyte.HistoryScreen(columns, rows, history=10_000, ratio=1.0)
    stream, written, screens = pyte.ByteStream(screen), bytearray(), []
    process = subprocess.Popen(
        [sys.executable, "-m", "macie_inventory", *arguments],
        cwd=cwd,
        env=dict(env),
        stdin=follower,
        stdout=follower if stdout is None else stdout,
        stderr=follower,
    )
    os.close(follower)
    until, waited = time.monotonic() + LONGEST, list(interrupt_at)
    try:
        while time.monotonic() < until:
            if not select.select([leader], [], [], 0.1)[0]:
                continue
            try:
                received = os.read(leader, 65536)
            except OSError:  # the last writer is gone
                break
            written += received
            stream.feed(received)
            screens.append(_lines(screen))
            if waited and waited[0] in "\n".join(screens[-1]):
                waited.pop(0)
                process.send_signal(signal.SIGINT)
        code = process.wait(timeout=LONGEST)
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    return Seen(code=code, written=written.decode(errors="replace"), screens=screens)


def _lines(screen: pyte.HistoryScreen) -> list[str]:
    above = ["".join(line[place].data for place in range(screen.columns)) for line in screen.history.top]
    return [line.rstrip() for line in (*above, *screen.display)]
