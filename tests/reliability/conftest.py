"""Fixtures of the reliability tests."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.support.processes import warm_processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import ForkServerContext

WIDTH = 4
"""Plans at a time: they mostly wait, for answers that come late or never."""


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Give the context of processes that begin with the program imported."""
    return warm_processes()


@pytest.fixture(scope="session")
def pool(processes: ForkServerContext) -> Iterator[ProcessPoolExecutor]:
    """Give processes for plans that need an environment of their own."""
    with ProcessPoolExecutor(WIDTH, mp_context=processes) as executor:
        yield executor
