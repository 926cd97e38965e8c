"""Write: the one writer. It puts the harvests that are waiting into one transaction, bounded in rows and in age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream

    from macie_inventory.model import Harvest
    from macie_inventory.pipeline.observer import Observer
    from macie_inventory.store import Store

__all__ = ["write_harvests"]

MOST_ROWS = 4000
"""A transaction is closed when its jobs and targets exceed this."""

LONGEST_AGE = 1.0
"""Seconds that a harvest may wait for others to share its transaction."""


async def write_harvests(harvests: MemoryObjectReceiveStream[Harvest], store: Store, observer: Observer) -> None:
    """Store whole harvests until the stream is closed and empty; raises DatabaseError when one cannot be stored."""
    async with harvests:
        async for first in harvests:
            batch = await _fill(first, harvests)
            counts = await store.write(batch)
            observer.stored(len(batch), counts)


async def _fill(first: Harvest, harvests: MemoryObjectReceiveStream[Harvest]) -> list[Harvest]:
    batch, rows = [first], 1 + len(first.jobs)
    with anyio.move_on_after(LONGEST_AGE):
        while rows < MOST_ROWS:
            try:
                harvest = harvests.receive_nowait()
            except anyio.WouldBlock:
                try:
                    harvest = await harvests.receive()
                except anyio.EndOfStream:
                    break
            except anyio.EndOfStream:
                break
            batch.append(harvest)
            rows += 1 + len(harvest.jobs)
    return batch
