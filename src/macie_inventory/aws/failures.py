"""The SDK's exceptions, translated into values in this one place.

    ClientError                                  the service answered with an error
    EndpointConnectionError from a connector,
    ConnectTimeoutError, SSLError, proxy errors  no connection came about
    other HTTP client errors                     the connection broke or was silent for too long
    other errors of botocore's                   nothing was sent
    anything else, ResponseParserError above all the parser met an answer that is not what the protocol says

Everything above the SDK decides by these values and never by an exception's class.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    SSLError,
)

from macie_inventory.outcome import Failure, Kind, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CallError", "translate"]


_CANONICAL = re.compile(r"\s*The (?:Canonical String|String-to-Sign)\b")
_TOKEN = re.compile(r"(x-amz-security-token[\"']?\s*[:=]\s*[\"']?)[^\s\"'&,;]+", re.IGNORECASE)


class CallError(Exception):
    """A call failed; `failure` says how, as a value."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def translate(error: Exception, phase: Phase) -> Failure:
    """Give the failure that an exception of the SDK stands for."""
    if isinstance(error, ClientError):
        return _from_response(error, phase)
    code, message = type(error).__name__, str(error)
    if not isinstance(error, BotoCoreError):
        first_line = message.splitlines()[0] if message else "the answer cannot be parsed"
        return Failure(phase=phase, kind=Kind.NOT_A_LISTING, code=code, message=first_line)
    if _is_connect(error):
        return Failure(phase=phase, kind=Kind.CONNECT, code=code, message=_cause(error) or message)
    if isinstance(error, HTTPClientError | EndpointConnectionError):
        return Failure(phase=phase, kind=Kind.BROKEN, code=code, message=_cause(error) or message)
    return Failure(phase=phase, kind=Kind.LOCAL, code=code, message=message)


def _is_connect(error: BotoCoreError) -> bool:
    if isinstance(error, ConnectTimeoutError | SSLError | ProxyConnectionError):
        return True
    # A reset on an open connection raises the same class as a refused one; only the cause tells them apart.
    cause = error.kwargs.get("error")
    broken = isinstance(cause, aiohttp.ClientConnectionError) and not isinstance(cause, aiohttp.ClientConnectorError)
    return isinstance(error, EndpointConnectionError) and not broken


def _cause(error: BotoCoreError) -> str:
    cause = error.kwargs.get("error")
    return f"{error} ({type(cause).__name__})" if isinstance(cause, Exception) else str(error)


def _from_response(error: ClientError, phase: Phase) -> Failure:
    details = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    headers = metadata.get("HTTPHeaders", {})
    return Failure(
        phase=phase,
        kind=Kind.RESPONSE,
        code=_code(details.get("Code"), metadata.get("HTTPStatusCode")),
        message=_public(str(details.get("Message") or "")),
        status=metadata.get("HTTPStatusCode"),
        request_id=metadata.get("RequestId") or headers.get("x-amzn-requestid"),
        retry_after=_retry_after(headers),
    )


def _public(message: str) -> str:
    """Leave out what AWS repeats of a request whose signature it refuses: the session token is in it."""
    return _TOKEN.sub(r"\1***", _CANONICAL.split(message, maxsplit=1)[0].rstrip())


def _code(code: object, status: object) -> str | None:
    """Give the service's code; the parser puts the HTTP status in its place where there is none."""
    text = str(code) if code else None
    return None if text == str(status) else text


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`, seconds or an HTTP date, as seconds from now (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
