"""OpenTelemetry behind the hooks of `telemetry`: spans run → account → target → call, and metrics. An extra."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from macie_inventory import __version__
from macie_inventory.errors import ConfigurationError
from macie_inventory.model import RunStatus
from macie_inventory.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opentelemetry.trace import Span

    from macie_inventory.model import Harvest, Target

__all__ = ["OpenTelemetry", "from_environment"]

_NAME = "macie_inventory"
_place: ContextVar[dict[str, str] | None] = ContextVar("place_of_the_target", default=None)
"""Where the target of the present task is: the region belongs to its listing calls."""


@dataclass(slots=True)
class _Account:
    span: Span
    left: int


class OpenTelemetry(Telemetry):
    """Traces and measures one run."""

    def __init__(self, tracers: trace.TracerProvider, meters: metrics.MeterProvider) -> None:
        self._providers = (tracers, meters)
        self._tracer = tracers.get_tracer(_NAME, __version__)
        meter = meters.get_meter(_NAME, __version__)
        self._targets = meter.create_counter("macie_inventory.targets", "{target}", "Targets visited, by outcome.")
        self._jobs = meter.create_counter("macie_inventory.jobs", "{job}", "Jobs listed.")
        self._target_seconds = meter.create_histogram("macie_inventory.target.duration", "s", "Time a target took.")
        self._call_seconds = meter.create_histogram("macie_inventory.call.duration", "s", "Time a call took.")
        self._run_seconds = meter.create_histogram("macie_inventory.run.duration", "s", "Time a run took.")
        self._run: Span = trace.INVALID_SPAN
        self._status: RunStatus | None = None
        self._accounts: dict[str, _Account] = {}
        self._planned: dict[str, int] = {}

    @contextmanager
    def run(self) -> Iterator[None]:
        """Open the span that everything else hangs from."""
        began = time.monotonic()
        with self._tracer.start_as_current_span("run") as self._run:
            try:
                yield
            finally:
                for account in self._accounts.values():
                    account.span.end()
                self._accounts.clear()
                status = self._status or RunStatus.FAILED
                self._run_seconds.record(time.monotonic() - began, {"status": status.value})

    def planned(self, run_id: str, targets: Sequence[Target]) -> None:
        """Name the run, and know how many targets end each account."""
        self._run.set_attributes({"macie_inventory.run_id": run_id, "macie_inventory.targets": len(targets)})
        for target in targets:
            self._planned[target.account_id] = self._planned.get(target.account_id, 0) + 1

    @contextmanager
    def target(self, target: Target) -> Iterator[Callable[[Harvest], None]]:
        """Open the span of one visit within its account's."""
        began = time.monotonic()
        where = {"cloud.account.id": target.account_id, "cloud.region": target.region}
        parent = trace.set_span_in_context(self._account(target.account_id).span)
        token = _place.set({"cloud.region": target.region})
        try:
            with self._tracer.start_as_current_span("target", parent, attributes=where) as span:

                def note(harvest: Harvest) -> None:
                    self._note(span, harvest, time.monotonic() - began)

                yield note
        finally:
            _place.reset(token)

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """Open the span of one attempt; an error is named as AWS names it."""
        began = time.monotonic()
        service, _, method = name.partition(".")
        attributes = {"rpc.system": "aws-api", "rpc.service": service, "rpc.method": method}
        if service == "macie2":
            attributes |= _place.get() or {}
        with self._tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                attributes = attributes | _fail(span, error)
                raise
            finally:
                self._call_seconds.record(time.monotonic() - began, attributes)

    def ended(self, status: RunStatus) -> None:
        """Put the status on the run's span."""
        self._status = status
        self._run.set_attribute("macie_inventory.status", status.value)
        if status is not RunStatus.COMPLETE:
            self._run.set_status(Status(StatusCode.ERROR, status.value))

    def close(self) -> None:
        """Export what is waiting, and end the exporters."""
        for provider in self._providers:
            if isinstance(provider, TracerProvider | MeterProvider):
                provider.shutdown()

    def _account(self, account_id: str) -> _Account:
        if account_id not in self._accounts:
            parent = trace.set_span_in_context(self._run)
            span = self._tracer.start_span("account", parent, attributes={"cloud.account.id": account_id})
            self._accounts[account_id] = _Account(span, self._planned.get(account_id, 0))
        return self._accounts[account_id]

    def _note(self, span: Span, harvest: Harvest, seconds: float) -> None:
        outcome = {"outcome": harvest.outcome.value}
        span.set_attributes(
            {
                "macie_inventory.outcome": harvest.outcome.value,
                "macie_inventory.jobs": len(harvest.jobs),
                "macie_inventory.pages": harvest.pages,
                "macie_inventory.retries": harvest.retries,
                "macie_inventory.throttles": harvest.throttles,
            }
        )
        if not harvest.outcome.covered:
            span.set_status(Status(StatusCode.ERROR, harvest.error_code or harvest.outcome.value))
        self._targets.add(1, outcome)
        self._jobs.add(len(harvest.jobs))
        self._target_seconds.record(seconds, outcome | {"cloud.region": harvest.target.region})
        account = self._accounts[harvest.target.account_id]
        account.left -= 1
        if account.left == 0:
            del self._accounts[harvest.target.account_id]
            account.span.end()


def _fail(span: Span, error: BaseException) -> dict[str, str]:
    """Put on a call's span what went wrong; give the attribute that names it."""
    failure = getattr(error, "failure", None)  # of a CallError; all others were given up: a timeout, the end of the run
    code = str(failure.code or failure.status or type(error).__name__) if failure else "given up"
    span.set_status(Status(StatusCode.ERROR, code))
    known = {
        "error.type": code,
        "http.response.status_code": getattr(failure, "status", None),
        "aws.request_id": getattr(failure, "request_id", None),
    }
    span.set_attributes({name: value for name, value in known.items() if value is not None})
    return {"error.type": code}


def from_environment(wanted: Mapping[str, str], environ: Mapping[str, str]) -> OpenTelemetry:
    """Give the telemetry for the exporters that are wanted; everything else is the SDK's own `OTEL_*` variables.

    Raises ConfigurationError when an exporter is not installed.
    """
    named = "OTEL_SERVICE_NAME" in environ or "service.name" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    resource = Resource.create(
        {"service.version": __version__} | ({} if named else {"service.name": "macie-inventory"})
    )
    tracers: trace.TracerProvider = trace.NoOpTracerProvider()
    meters: metrics.MeterProvider = metrics.NoOpMeterProvider()
    if "traces" in wanted:
        tracers = sdk_tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        sdk_tracers.add_span_processor(BatchSpanProcessor(_exporter("traces", wanted["traces"], environ)))
    if "metrics" in wanted:
        reader = PeriodicExportingMetricReader(_exporter("metrics", wanted["metrics"], environ))
        meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    return OpenTelemetry(tracers, meters)


def _exporter(signal: str, name: str, environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - of either signal
    upper = signal.upper()
    if name == "otlp":
        protocol = environ.get(f"OTEL_EXPORTER_OTLP_{upper}_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        name = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    found = list(entry_points(group=f"opentelemetry_{signal}_exporter", name=name))
    if not found:
        raise ConfigurationError(
            f"OTEL_{upper}_EXPORTER: there is no exporter {name!r}; install its package, or use otlp, console or none"
        )
    return found[0].load()()
