"""Fixtures of the reliability tests."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, the only backend that the SDK knows."""
    return "asyncio"
