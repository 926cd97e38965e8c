"""The SDK's exceptions as values: what the service said, and what the network did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from macie_inventory.aws.failures import CallError, translate
from macie_inventory.outcome import Kind, Phase

URL = "https://macie2.eu-west-1.amazonaws.com/jobs/list"
KEY = ConnectionKey("host", 443, True, True, None, None, None)  # noqa: FBT003 - aiohttp's own fields
REFUSED = aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused"))
RESET = aiohttp.ServerDisconnectedError()


def _client_error(
    code: object = "ThrottlingException",
    message: object = "Rate exceeded",
    status: int | None = 429,
    headers: dict[str, str] | None = None,
) -> ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r-1", "HTTPHeaders": headers or {}},
    }
    return ClientError(response, "ListClassificationJobs")


def test_an_answer_keeps_what_the_service_said() -> None:
    """Code, message, status and request id stand in the failure."""
    failure = translate(_client_error(), Phase.LIST)
    assert failure.kind is Kind.RESPONSE
    assert failure.phase is Phase.LIST
    assert (failure.code, failure.message, failure.status, failure.request_id) == (
        "ThrottlingException",
        "Rate exceeded",
        429,
        "r-1",
    )
    assert failure.retry_after is None


@pytest.mark.parametrize("code", ["429", 429, "", None])
def test_a_status_in_place_of_a_code_is_no_code(code: object) -> None:
    """The SDK's parser writes the status where an answer names no code."""
    failure = translate(_client_error(code, None), Phase.ASSUME)
    assert (failure.code, failure.message, failure.status) == (None, "", 429)
    assert failure.phase is Phase.ASSUME


def test_the_request_id_may_stand_in_a_header() -> None:
    """A proxy's answer has no request id, a gateway's has it in a header only, and an empty error has nothing."""
    bare: dict[str, Any] = {"ResponseMetadata": {"HTTPHeaders": {"x-amzn-requestid": "r-2"}}}
    assert translate(ClientError(bare, "X"), Phase.LIST).request_id == "r-2"
    failure = translate(ClientError({}, "X"), Phase.LIST)
    assert (failure.code, failure.status, failure.request_id) == (None, None, None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("-3", 0.0),
        ("nan", 0.0),
        ("inf", float("inf")),
        ("", None),
        ("soon", None),
        ("Mon, 99 Nov 2026 00:00:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_as_seconds(value: str, seconds: float | None) -> None:
    """Seconds and dates are read, nonsense counts as absent, and the past as now."""
    assert translate(_client_error(headers={"retry-after": value}), Phase.LIST).retry_after == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_retry_after_may_be_a_date(zone: str) -> None:
    """An HTTP date means the time until then, also where it names no zone."""
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True).replace("GMT", zone)
    seconds = translate(_client_error(headers={"retry-after": moment}), Phase.LIST).retry_after
    assert seconds is not None
    assert 55 < seconds <= 60


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EndpointConnectionError(endpoint_url=URL, error=REFUSED), Kind.CONNECT),
        (EndpointConnectionError(endpoint_url=URL), Kind.CONNECT),
        (ConnectTimeoutError(endpoint_url=URL), Kind.CONNECT),
        (SSLError(endpoint_url=URL, error="certificate verify failed"), Kind.CONNECT),
        (ProxyConnectionError(proxy_url="http://proxy:3128"), Kind.CONNECT),
        (EndpointConnectionError(endpoint_url=URL, error=RESET), Kind.BROKEN),
        (ReadTimeoutError(endpoint_url=URL), Kind.BROKEN),
        (ConnectionClosedError(endpoint_url=URL), Kind.BROKEN),
        (HTTPClientError(error=RESET), Kind.BROKEN),
        (ResponseParserError("Unable to parse response\ninvalid: line 1"), Kind.NOT_A_LISTING),
        (NoCredentialsError(), Kind.LOCAL),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
def test_the_network_s_failures_are_told_apart(error: BotoCoreError, kind: Kind) -> None:
    """No connection, a broken one, an answer that is none, and nothing sent at all are four things."""
    failure = translate(error, Phase.LIST)
    assert failure.kind is kind
    assert failure.code == type(error).__name__
    assert failure.message
    assert len(failure.message.splitlines()) == 1
    assert failure.status is None


def test_the_cause_is_named() -> None:
    """The SDK's message alone does not say whether it was DNS or a refusal."""
    failure = translate(EndpointConnectionError(endpoint_url=URL, error=REFUSED), Phase.LIST)
    assert "ClientConnectorError" in failure.message


def test_a_call_error_carries_the_failure() -> None:
    """Above the SDK, failures travel as values in one exception."""
    failure = translate(_client_error(), Phase.LIST)
    error = CallError(failure)
    assert error.failure is failure
    assert str(error) == "Rate exceeded"
