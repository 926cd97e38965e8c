"""rest-json: the operation is in method and path, the error code in a header."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import unquote

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


class RestJson(Protocol):
    """A rest-json service; `routes` maps method and path (its last part may be a parameter) to operations."""

    flaws: ClassVar[Mapping[Flaw, tuple[int, str, str]]] = {
        Flaw.MISSING: (403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        Flaw.INCOMPLETE: (403, "IncompleteSignatureException", "The request signature does not conform to standards."),
        Flaw.UNKNOWN_KEY: (403, "UnrecognizedClientException", INVALID_TOKEN),
        Flaw.WRONG_SIGNATURE: (403, "InvalidSignatureException", WRONG_SIGNATURE),
        Flaw.SKEWED: (403, "InvalidSignatureException", "Signature expired"),
        Flaw.EXPIRED: (403, "ExpiredTokenException", EXPIRED_TOKEN),
    }
    internal = (500, "InternalServerException", "The request failed due to an unknown internal service error.")

    def __init__(self, name: str, routes: Mapping[tuple[str, str], str]) -> None:
        self.name = name
        self._routes = routes
        code = "ThrottlingException" if name == "macie2" else "TooManyRequestsException"
        self.throttle = (429, code, "Rate exceeded")

    def parse(self, request: Request) -> tuple[str, Mapping[str, object]]:
        """Return operation and parameters: the body's members and the path's parameter."""
        operation = self._routes.get((request.method, request.path))
        if operation:
            return operation, _members(request.body)
        parent, _, last = request.path.rpartition("/")
        for (method, path), candidate in self._routes.items():
            above, _, parameter = path.rpartition("/")
            if method == request.method and above == parent and parameter.startswith("{") and last:
                return candidate, {parameter.strip("{}"): unquote(last)}
        raise ApiError(404, "UnknownOperationException", "The requested operation does not exist.")

    def success(self, operation: str, result: Result, request_id: str) -> Reply:  # noqa: ARG002 - for other protocols
        """Write members as they are: this protocol's shapes have no other encoding."""
        body = result if isinstance(result, bytes) else json.dumps(result).encode()
        return Reply(status=200, content_type="application/json", headers={"x-amzn-RequestId": request_id}, body=body)

    def failure(self, error: ApiError, request_id: str) -> Reply:
        """Write the code into `x-amzn-ErrorType` and the message into the body."""
        headers = {"x-amzn-RequestId": request_id}
        if error.code is not None:
            headers["x-amzn-ErrorType"] = error.code
        body = json.dumps({"message": error.message}).encode() if error.message else b"{}"
        return Reply(status=error.status, content_type="application/json", headers=headers, body=body)


def _members(body: bytes) -> Mapping[str, object]:
    if not body:
        return {}
    try:
        members = json.loads(body)
    except ValueError:
        raise ApiError(400, "SerializationException", "The request body is not valid JSON.") from None
    if not isinstance(members, dict):
        raise ApiError(400, "SerializationException", "The request body is not a JSON object.")
    return members
