"""Whoever wants to see a run progress is told here; by default nobody is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from macie_inventory.model import Account, Harvest, JobCounts, Target

__all__ = ["Observer"]


class Observer:
    """Sees a run progress; every method may be overridden, and none may raise or take long."""

    def discovering(self) -> None:
        """Hear that accounts are being looked for."""

    def planned(self, run_id: str, accounts: Sequence[Account], targets: Sequence[Target]) -> None:
        """Hear that the run begins, or goes on, with these targets."""

    def warned(self, message: str) -> None:
        """Hear something the user should know, that does not stop the run."""

    def harvested(self, harvest: Harvest) -> None:
        """Hear that a target has its outcome; it is not stored yet."""

    def stored(self, targets: int, counts: JobCounts) -> None:
        """Hear that so many targets were stored, which did this to the jobs."""

    def stopping(self, reason: str) -> None:
        """Hear that the run ends early; what is finished is being stored."""
