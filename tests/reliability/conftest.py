"""Fixtures of the reliability tests."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.support.processes import warm_processes

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 4
"""Plans at a time: they mostly wait, for answers that come late or never."""


@pytest.fixture(scope="session")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Give processes for plans that need an environment of their own."""
    with ProcessPoolExecutor(WIDTH, mp_context=warm_processes()) as executor:
        yield executor
