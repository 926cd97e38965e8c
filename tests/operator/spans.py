"""A trace kept in memory, and questions about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from macie_inventory.otel import OpenTelemetry

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


@dataclass(slots=True)
class Recorded:
    """Telemetry whose spans and figures stay in this process."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def telemetry(self) -> OpenTelemetry:
        """Give telemetry that is recorded here."""
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        return OpenTelemetry(tracers, MeterProvider([self.reader], shutdown_on_exit=False))

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """Give the finished spans, of one name or all."""
        return [span for span in self.exporter.get_finished_spans() if name in (None, span.name)]

    def line(self, span: ReadableSpan) -> list[str]:
        """Give the names from a span up to the root of its trace."""
        by_id = {item.context.span_id: item for item in self.spans()}
        names = [span.name]
        while span.parent is not None:
            span = by_id[span.parent.span_id]
            names.append(span.name)
        return names

    def metric_names(self) -> set[str]:
        """Give the names of the metrics that have data."""
        return {metric.name for metric in self._metrics()}

    def points(self, name: str) -> list[Any]:
        """Give the data points of one metric."""
        return [point for metric in self._metrics() if metric.name == name for point in metric.data.data_points]

    def _metrics(self) -> list[Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return [metric for item in data.resource_metrics for scope in item.scope_metrics for metric in scope.metrics]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Give a span's attributes without the program's prefix."""
    return {key.removeprefix("macie_inventory."): value for key, value in (span.attributes or {}).items()}
