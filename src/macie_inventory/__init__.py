"""Every Amazon Macie classification job of a whole AWS organization, in SQL, without silent gaps.

As a library: `summary, gaps = await collect(Scope(), database="sqlite:///inventory.db")`. The names below are loaded when
they are first used, so that importing the package costs nothing; docs/how-to/library.md shows them at work.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from macie_inventory.config import Limits, RoleSettings, Scope
    from macie_inventory.errors import MacieInventoryError
    from macie_inventory.model import Outcome, RunStatus
    from macie_inventory.pipeline.collect import collect, resume_run
    from macie_inventory.pipeline.observer import Observer
    from macie_inventory.pipeline.stop import Stop
    from macie_inventory.store import Gap, RunSummary

__version__ = "0.1.0"

__all__ = [
    "Gap",
    "Limits",
    "MacieInventoryError",
    "Observer",
    "Outcome",
    "RoleSettings",
    "RunStatus",
    "RunSummary",
    "Scope",
    "Stop",
    "collect",
    "resume_run",
]

_HOMES = {
    "Gap": "store",
    "Limits": "config",
    "MacieInventoryError": "errors",
    "Observer": "pipeline.observer",
    "Outcome": "model",
    "RoleSettings": "config",
    "RunStatus": "model",
    "RunSummary": "store",
    "Scope": "config",
    "Stop": "pipeline.stop",
    "collect": "pipeline.collect",
    "resume_run": "pipeline.collect",
}


def __getattr__(name: str) -> object:
    """Load a name of the library's when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
