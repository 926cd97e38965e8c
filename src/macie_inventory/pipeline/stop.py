"""How a run ends before its end: a signal, or its time limit."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from macie_inventory.model import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Stop"]


class Stop:
    """Ends a run early: what is finished is stored, the rest stays `not_attempted`."""

    def __init__(self) -> None:
        self._deadline = float("inf")
        self._scope: anyio.CancelScope | None = None
        self._requested: tuple[RunStatus, str] | None = None
        self.ended: tuple[RunStatus, str] | None = None
        """The status and the reason, once something was cut short."""

    @property
    def requested(self) -> bool:
        """Whether somebody asked."""
        return self._requested is not None

    def request(self, status: RunStatus, reason: str) -> None:
        """Ask the run to end with this status; the first reason counts."""
        if self._requested is None:
            self._requested = (status, reason)
            if self._scope is not None:
                self._scope.cancel()

    def after(self, seconds: float | None) -> None:
        """End the run after so many seconds from now; its status is then `partial`."""
        if seconds is not None:
            self._deadline = anyio.current_time() + seconds

    @contextmanager
    def within(self) -> Iterator[None]:
        """Cut the block short when the end is asked for, or was before; `ended` tells afterwards."""
        with anyio.CancelScope(deadline=self._deadline) as scope:
            self._scope = scope
            if self._requested is not None:
                scope.cancel()
            try:
                yield
            finally:
                self._scope = None
        if scope.cancelled_caught:
            self.ended = self._requested or (RunStatus.PARTIAL, "the time limit ended the run")
