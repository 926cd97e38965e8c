"""What a stage may do with the worker's slot that it runs in."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

__all__ = ["NO_SLOT", "Slot"]


class Slot(Protocol):
    """The right to use the network; whoever only waits lets others have it meanwhile."""

    def released(self) -> AbstractAsyncContextManager[None]:
        """Give the slot to others within the block, and have one again after it."""

    async def sleep(self, seconds: float, /) -> None:
        """Wait without holding the slot."""

    def reached(self) -> None:
        """Tell that the target's region was reached, whatever it answered."""


class _NoSlot:
    """For callers that share nothing: waiting is only waiting."""

    @asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        yield

    async def sleep(self, seconds: float, /) -> None:
        await anyio.sleep(seconds)

    def reached(self) -> None:
        """Nobody asks."""


NO_SLOT: Slot = _NoSlot()
