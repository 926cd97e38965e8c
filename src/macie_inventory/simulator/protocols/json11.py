"""json 1.1: the operation is in a header, the error code in the body's `__type`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from macie_inventory.simulator.api import ApiError, Reply, Result
from macie_inventory.simulator.protocols.protocol import (
    EXPIRED_TOKEN,
    INVALID_TOKEN,
    WRONG_SIGNATURE,
    Protocol,
    Request,
)
from macie_inventory.simulator.signature import Flaw

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTENT_TYPE = "application/x-amz-json-1.1"


class Json11(Protocol):
    """A json 1.1 service, named by the prefix of its targets."""

    flaws: ClassVar[Mapping[Flaw, tuple[int, str, str]]] = {
        Flaw.MISSING: (400, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        Flaw.INCOMPLETE: (400, "IncompleteSignatureException", "The request signature does not conform to standards."),
        Flaw.UNKNOWN_KEY: (400, "UnrecognizedClientException", INVALID_TOKEN),
        Flaw.WRONG_SIGNATURE: (400, "InvalidSignatureException", WRONG_SIGNATURE),
        Flaw.SKEWED: (400, "InvalidSignatureException", "Signature expired"),
        Flaw.EXPIRED: (400, "ExpiredTokenException", EXPIRED_TOKEN),
    }
    throttle = (400, "TooManyRequestsException", "AWS Organizations couldn't process the request: too many requests.")
    internal = (500, "ServiceException", "AWS Organizations can't complete your request because of an internal error.")

    def __init__(self, name: str, prefix: str) -> None:
        self.name = name
        self._prefix = prefix

    def parse(self, request: Request) -> tuple[str, Mapping[str, object]]:
        """Return operation and parameters."""
        prefix, _, operation = (request.target or "").partition(".")
        if prefix != self._prefix or not operation or request.path != "/":
            raise ApiError(400, "UnknownOperationException", "The requested operation does not exist.")
        try:
            members = json.loads(request.body or b"{}")
        except ValueError:
            raise ApiError(400, "SerializationException", "The request body is not valid JSON.") from None
        if not isinstance(members, dict):
            raise ApiError(400, "SerializationException", "The request body is not a JSON object.")
        return operation, members

    def success(self, operation: str, result: Result, request_id: str) -> Reply:  # noqa: ARG002 - for other protocols
        """Write members as they are; timestamps have to be numbers."""
        body = result if isinstance(result, bytes) else json.dumps(result).encode()
        return Reply(status=200, content_type=_CONTENT_TYPE, headers={"x-amzn-RequestId": request_id}, body=body)

    def failure(self, error: ApiError, request_id: str) -> Reply:
        """Write code and message into the body."""
        members = {"__type": error.code, "Message": error.message} if error.code else {"Message": error.message}
        return Reply(
            status=error.status,
            content_type=_CONTENT_TYPE,
            headers={"x-amzn-RequestId": request_id},
            body=json.dumps(members).encode(),
        )
