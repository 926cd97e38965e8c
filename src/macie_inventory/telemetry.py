"""Where a run's time goes, for whoever traces it; by default nobody does, and nothing is done.

The line calls these hooks on `current_telemetry`; OpenTelemetry stands behind them when the extra `otel` is installed
and the standard `OTEL_*` variables name an exporter.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from macie_inventory.model import Harvest, RunStatus, Target

__all__ = ["Telemetry", "current_telemetry", "open_telemetry", "wanted_exporters"]

_ENDPOINTS = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SIGNALS = ("traces", "metrics")


def _ignore(_: Harvest) -> None:
    """Take a harvest and do nothing."""


class Telemetry:
    """Hears where the time of one run goes; this one does nothing, at no cost worth naming."""

    def run(self) -> AbstractContextManager[None]:
        """Surround a run, from before its first call to its end."""
        return nullcontext()

    def planned(self, run_id: str, targets: Sequence[Target]) -> None:
        """Hear which run this is, and what it will visit."""

    def target(self, target: Target) -> AbstractContextManager[Callable[[Harvest], None]]:
        """Surround the visit of a target; what it gives is called with the harvest."""
        del target
        return _NO_TARGET

    def call(self, name: str) -> AbstractContextManager[None]:
        """Surround one attempt of a call, named as `macie2.ListClassificationJobs` is."""
        del name
        return _NO_CALL

    def ended(self, status: RunStatus) -> None:
        """Hear how the run ended."""

    def close(self) -> None:
        """Hand over what is still waiting."""


_NO_TARGET = nullcontext(_ignore)
_NO_CALL = nullcontext()
_NOTHING = Telemetry()

current_telemetry: ContextVar[Telemetry] = ContextVar("current_telemetry", default=_NOTHING)
"""The telemetry of the run that the present task belongs to."""


@contextmanager
def open_telemetry(environ: Mapping[str, str] = os.environ) -> Iterator[Telemetry]:
    """Make what the environment asks for the current telemetry within the block.

    Raises ConfigurationError when a variable names an exporter that is not installed.
    """
    telemetry = _NOTHING
    if (wanted := wanted_exporters(environ)) and find_spec("opentelemetry") and find_spec("opentelemetry.sdk"):
        from macie_inventory.otel import from_environment  # noqa: PLC0415 - an extra

        telemetry = from_environment(wanted, environ)
    token = current_telemetry.set(telemetry)
    try:
        yield telemetry
    finally:
        current_telemetry.reset(token)
        telemetry.close()


def wanted_exporters(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the exporter of each signal (`traces`, `metrics`) that the standard variables ask for.

    An exporter is asked for by its own variable, or by an OTLP endpoint; nothing set asks for nothing.
    Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return {}
    wanted = {}
    for signal in _SIGNALS:
        endpoint = environ.get(_ENDPOINTS) or environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
        name = environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip() or ("otlp" if endpoint else "none")
        if name != "none":
            wanted[signal] = name
    return wanted
