"""A whole run explains itself in spans: every call that AWS received, under its target, account and run."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.operator.programs import macie_inventory
from tests.operator.spans import Recorded, attributes
from tests.support.line import harvest_all

from macie_inventory.simulator import demo_world, generate_world, running
from macie_inventory.telemetry import current_telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, the only loop that the SDK knows."""
    return "asyncio"


@pytest.mark.anyio
async def test_every_call_is_a_span_of_its_target() -> None:
    """What the simulated AWS counts are the spans of calls; each target's hang from its account's and from the run."""
    world, faults = demo_world(accounts=12, regions=3)
    recorded = Recorded()
    with running(world, faults=faults) as simulator:
        telemetry = recorded.telemetry()
        token = current_telemetry.set(telemetry)
        try:
            with telemetry.run():
                collected = await harvest_all(simulator)
        finally:
            current_telemetry.reset(token)
        received = Counter(f"{key.service}.{key.operation}" for key in simulator.calls.received.elements())
    calls = [span for span in recorded.spans() if "." in span.name]
    assert Counter(span.name for span in calls) == received
    for span in calls:
        if span.name == "macie2.ListClassificationJobs":
            assert recorded.line(span)[1:] == ["target", "account", "run"]
        else:
            assert recorded.line(span)[-1] == "run"
    outcomes = {
        (str(where["cloud.account.id"]), str(where["cloud.region"])): where["outcome"]
        for where in map(attributes, recorded.spans("target"))
    }
    assert outcomes == collected.outcomes()
    assert any(attributes(span).get("error.type") == "ThrottlingException" for span in calls)


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Receive what an OTLP exporter sends, on a loopback port."""
    received: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_collect_exports_when_the_environment_asks_for_it(tmp_path: Path) -> None:
    """With an OTLP endpoint set, `collect` sends its spans and metrics there and prints what it always prints."""
    world = generate_world(accounts=2, regions=1, jobs=1, seed=2)
    arguments = (
        "collect",
        "--region",
        *world.regions,
        "--database",
        f"sqlite:///{tmp_path / 'i.db'}",
        "--format",
        "json",
    )
    with running(world) as simulator, collector() as (url, received):
        env = simulator.environment() | {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        result = macie_inventory(*arguments, env=env, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert {path for path, _ in received} == {"/v1/traces", "/v1/metrics"}
    spans = [
        span
        for path, body in received
        if path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert {"run", "account", "target", "macie2.ListClassificationJobs"} <= {span.name for span in spans}
    (run_span,) = (span for span in spans if span.name == "run")
    found = {item.key: item.value.string_value or item.value.int_value for item in run_span.attributes}
    assert found["macie_inventory.status"] == "complete"
    assert found["macie_inventory.targets"] == 2
