"""The command's entry: argv in, exit code out, and no traceback unless `--debug` asks for it."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line of this process and leave with its exit code."""
    # Imports make hundreds of thousands of objects that stay: looking through them again and again is a tenth of the cost.
    gc.set_threshold(200_000, 20, 100)
    # Until a run takes the signals over, both end the program like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from macie_inventory.cli.app import run  # noqa: PLC0415 - a signal while importing ends quietly too

        code = run(sys.argv[1:])
        sys.stdout.flush()
    except (KeyboardInterrupt, BaseExceptionGroup):
        # A task group wraps the interrupt; groups of ordinary errors are answered before they come here.
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain while closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


if __name__ == "__main__":
    main()
