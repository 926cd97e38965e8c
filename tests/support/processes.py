"""Processes that are cheap to start: forked from one that has imported everything and runs no thread."""

from __future__ import annotations

import multiprocessing
import os
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

__all__ = ["warm_processes"]

PRELOADED = [
    "aiosqlite",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "macie_inventory.cli.app",
    "macie_inventory.cli.running",
    "macie_inventory.settings",
    "tests.support.crash",
    "tests.support.plans",
    "tests.support.warm",
]


@cache
def warm_processes() -> ForkServerContext:
    """Give a multiprocessing context whose processes begin with the program imported.

    The server that forks them ends with this process.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    before = os.environ.get("PYTHONPATH")
    # The server takes over no sys.path before Python 3.13.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), before)))
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context
