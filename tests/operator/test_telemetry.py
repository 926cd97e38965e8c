"""The hooks of telemetry: nothing unless asked for, and behind them OpenTelemetry's spans and figures."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

import pytest
from opentelemetry.trace import StatusCode
from tests.operator.programs import run
from tests.operator.spans import Recorded, attributes

from macie_inventory.aws.failures import CallError
from macie_inventory.errors import ConfigurationError
from macie_inventory.model import Harvest, Outcome, RunStatus, Target
from macie_inventory.outcome import Failure, Kind, Phase
from macie_inventory.telemetry import open_telemetry, wanted_exporters

ONE = Target("111122223333", "eu-west-1")
TWO = Target("111122223333", "us-east-1")
OTLP = "http://127.0.0.1:4318"
CALLS = "macie_inventory.call.duration"


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, {}),
        ({"OTEL_SERVICE_NAME": "x"}, {}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": OTLP}, {"traces": "otlp", "metrics": "otlp"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, {}),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": OTLP}, {"traces": "otlp"}),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": OTLP}, {"metrics": "otlp"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": OTLP, "OTEL_METRICS_EXPORTER": "none"}, {"traces": "otlp"}),
        ({"OTEL_TRACES_EXPORTER": "console"}, {"traces": "console"}),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "True"}, {}),
    ],
)
def test_the_standard_variables_decide(environ: dict[str, str], wanted: dict[str, str]) -> None:
    """Exporters are those that OpenTelemetry's own variables ask for."""
    assert wanted_exporters(environ) == wanted


def test_nothing_asked_for_is_nothing_imported() -> None:
    """Without the variables OpenTelemetry is not even imported."""
    code = (
        "import sys\nfrom macie_inventory.telemetry import *\n"
        "with open_telemetry({}) as telemetry: assert type(telemetry) is Telemetry\n"
        "assert not any(name.startswith('opentelemetry') for name in sys.modules)\n"
    )
    assert run(sys.executable, "-c", code, env=dict(os.environ)).returncode == 0


def test_without_the_extra_nothing_happens() -> None:
    """Where the variables are set for everybody but the extra is not installed, the program runs as ever."""
    code = (
        "import sys\nsys.modules['opentelemetry'] = None\nfrom macie_inventory.telemetry import *\n"
        "with open_telemetry({'OTEL_TRACES_EXPORTER': 'otlp'}) as telemetry: assert type(telemetry) is Telemetry\n"
    )
    result = run(sys.executable, "-c", code, env=dict(os.environ))
    assert (result.returncode, result.stderr) == (0, "")


def test_an_exporter_that_is_not_there_is_named() -> None:
    """A variable that names an exporter which is not installed is a configuration error."""
    with pytest.raises(ConfigurationError, match="OTEL_TRACES_EXPORTER: there is no exporter 'zipkin'"):
        open_telemetry({"OTEL_TRACES_EXPORTER": "zipkin"}).__enter__()


def test_it_is_current_within_its_block_and_exports_at_its_end() -> None:
    """The telemetry is current inside, nothing outside, and what was waiting is exported at the end."""
    code = (
        "import sys\nfrom macie_inventory.telemetry import *\nfrom macie_inventory.model import RunStatus\n"
        "with open_telemetry({'OTEL_TRACES_EXPORTER': 'console'}) as telemetry:\n"
        "    assert current_telemetry.get() is telemetry\n"
        "    with telemetry.run():\n"
        "        telemetry.planned('the-run', [])\n"
        "        telemetry.ended(RunStatus.COMPLETE)\n"
        "assert type(current_telemetry.get()) is Telemetry\n"
    )
    result = run(sys.executable, "-c", code, env=dict(os.environ))
    assert result.stderr == ""
    assert '"macie_inventory.run_id": "the-run"' in result.stdout
    assert '"service.name": "macie-inventory"' in result.stdout


def test_an_account_ends_with_its_last_target() -> None:
    """Targets hang from their account and the account from the run; it ends when its last target does."""
    recorded = Recorded()
    telemetry = recorded.telemetry()
    with telemetry.run():
        telemetry.planned("the-run", [ONE, TWO])
        for target, outcome in ((ONE, Outcome.COLLECTED), (TWO, Outcome.ROLE_DENIED)):
            assert recorded.spans("account") == []
            with telemetry.target(target) as note:
                note(
                    Harvest(target=target, outcome=outcome, error_code="AccessDenied", pages=3, retries=2, throttles=1)
                )
        (account,) = recorded.spans("account")
        telemetry.ended(RunStatus.PARTIAL)
    one, two = recorded.spans("target")
    assert recorded.line(one) == recorded.line(two) == ["target", "account", "run"]
    assert account.attributes == {"cloud.account.id": "111122223333"}
    assert attributes(one) == {
        "cloud.account.id": "111122223333",
        "cloud.region": "eu-west-1",
        "outcome": "collected",
        "jobs": 0,
        "pages": 3,
        "retries": 2,
        "throttles": 1,
    }
    assert (one.status.status_code, two.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    (run_span,) = recorded.spans("run")
    assert attributes(run_span) == {"run_id": "the-run", "targets": 2, "status": "partial"}
    assert {point.attributes["outcome"]: point.value for point in recorded.points("macie_inventory.targets")} == {
        "collected": 1,
        "role_denied": 1,
    }
    assert [point.attributes["status"] for point in recorded.points("macie_inventory.run.duration")] == ["partial"]


def test_a_run_that_ends_early_leaves_no_span_open() -> None:
    """When the run fails, what was begun ends with it."""
    recorded = Recorded()
    telemetry = recorded.telemetry()

    def fail() -> None:
        with telemetry.run():
            telemetry.planned("the-run", [ONE, TWO])
            with telemetry.target(ONE):
                raise ConfigurationError("stop here")

    with pytest.raises(ConfigurationError):
        fail()
    assert {span.name: span.status.status_code for span in recorded.spans()} == {
        "target": StatusCode.ERROR,
        "account": StatusCode.UNSET,
        "run": StatusCode.ERROR,
    }


def failed(code: str | None, status: int) -> CallError:
    """Give what a refused call raises."""
    failure = Failure(phase=Phase.LIST, kind=Kind.RESPONSE, code=code, status=status, request_id="the-request")
    return CallError(failure)


def test_calls_hang_from_their_target() -> None:
    """Each attempt of a call is a span of the target it was made for: answered, refused or given up."""
    recorded = Recorded()
    telemetry = recorded.telemetry()

    def attempt(name: str, error: BaseException | None = None) -> None:
        with suppress(CallError, asyncio.CancelledError), telemetry.call(name):
            if error is not None:
                raise error

    with telemetry.run():
        attempt("sts.GetCallerIdentity")
        telemetry.planned("the-run", [ONE])
        with telemetry.target(ONE) as note:
            attempt("sts.AssumeRole")
            attempt("macie2.ListClassificationJobs", failed("ThrottlingException", 429))
            attempt("macie2.ListClassificationJobs", failed(None, 503))
            attempt("macie2.ListClassificationJobs", asyncio.CancelledError())
            attempt("macie2.ListClassificationJobs")
            note(Harvest(target=ONE, outcome=Outcome.COLLECTED))
    (who,) = recorded.spans("sts.GetCallerIdentity")
    assert recorded.line(who) == ["sts.GetCallerIdentity", "run"]
    (assume,) = recorded.spans("sts.AssumeRole")
    assert recorded.line(assume) == ["sts.AssumeRole", "target", "account", "run"]
    assert "cloud.region" not in attributes(assume)
    lists = recorded.spans("macie2.ListClassificationJobs")
    assert {tuple(recorded.line(span)[1:]) for span in lists} == {("target", "account", "run")}
    assert {attributes(span)["cloud.region"] for span in lists} == {"eu-west-1"}
    assert [attributes(span).get("error.type") for span in lists] == ["ThrottlingException", "503", "given up", None]
    assert [span.status.status_code is StatusCode.ERROR for span in lists] == [True, True, True, False]
    assert attributes(lists[0])["aws.request_id"] == "the-request"
    assert attributes(lists[0])["http.response.status_code"] == 429
    counted = {(p.attributes["rpc.method"], p.attributes.get("error.type")): p.count for p in recorded.points(CALLS)}
    assert counted == {
        ("GetCallerIdentity", None): 1,
        ("AssumeRole", None): 1,
        ("ListClassificationJobs", None): 1,
        ("ListClassificationJobs", "ThrottlingException"): 1,
        ("ListClassificationJobs", "503"): 1,
        ("ListClassificationJobs", "given up"): 1,
    }
