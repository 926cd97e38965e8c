"""query and ec2: the operation is in the form, answers are XML after botocore's service model."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.loaders
import botocore.model

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

_DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>\n"


class Query(Protocol):
    """A service of the query protocol."""

    flaws: ClassVar[Mapping[Flaw, tuple[int, str, str]]] = {
        Flaw.MISSING: (403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        Flaw.INCOMPLETE: (400, "IncompleteSignature", "The request signature does not conform to standards."),
        Flaw.UNKNOWN_KEY: (403, "InvalidClientTokenId", INVALID_TOKEN),
        Flaw.WRONG_SIGNATURE: (403, "SignatureDoesNotMatch", WRONG_SIGNATURE),
        Flaw.SKEWED: (403, "SignatureDoesNotMatch", "Signature expired"),
        Flaw.EXPIRED: (403, "ExpiredToken", EXPIRED_TOKEN),
    }
    throttle = (400, "Throttling", "Rate exceeded")
    internal = (500, "InternalFailure", "The request processing has failed because of an unknown error.")
    _error = (
        '<ErrorResponse xmlns="{namespace}">\n<Error>\n<Type>{type}</Type>\n{code}<Message>{message}</Message>\n'
        "</Error>\n<RequestId>{request_id}</RequestId>\n</ErrorResponse>\n"
    )
    _request_id_header = "x-amzn-RequestId"

    def __init__(self, name: str) -> None:
        self.name = name

    def parse(self, request: Request) -> tuple[str, Mapping[str, object]]:
        """Return operation and parameters: the form's, without Action and Version."""
        encoded = request.query if request.method == "GET" else request.body.decode("utf-8", "replace")
        form: dict[str, object] = dict(parse_qsl(encoded, keep_blank_values=True))
        operation, version = str(form.pop("Action", "")), form.pop("Version", None)
        model = _model(self.name)
        if request.path != "/" or version != model.api_version or operation not in model.operation_names:
            message = f"Could not find operation {operation or '(none)'} for version {version or '(none)'}"
            raise ApiError(400, "InvalidAction", message)
        return operation, form

    def success(self, operation: str, result: Result, request_id: str) -> Reply:
        """Write the members of the output shape, wrapped as the model says."""
        shape = _model(self.name).operation_model(operation).output_shape
        if isinstance(result, bytes):
            raise TypeError("the query protocol writes members, not a finished body")
        return self._reply(200, self._wrap(operation, shape, _xml(shape, result), request_id), request_id)

    def _wrap(self, operation: str, shape: Any, inner: str, request_id: str) -> str:  # noqa: ANN401 - botocore's
        wrapper = shape.serialization.get("resultWrapper", f"{operation}Result")
        return (
            f'<{operation}Response xmlns="{self._namespace}"><{wrapper}>{inner}</{wrapper}>'
            f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
        )

    def failure(self, error: ApiError, request_id: str) -> Reply:
        """Write code and message into an ErrorResponse."""
        xml = self._error.format(
            namespace=self._namespace,
            type="Sender" if error.status < 500 else "Receiver",  # noqa: PLR2004 - HTTP's border
            code=f"<Code>{escape(error.code)}</Code>\n" if error.code else "",
            message=escape(error.message),
            request_id=request_id,
        )
        return self._reply(error.status, xml, request_id)

    @property
    def _namespace(self) -> str:
        return str(_model(self.name).metadata["xmlNamespace"])

    def _reply(self, status: int, xml: str, request_id: str) -> Reply:
        headers = {self._request_id_header: request_id}
        return Reply(status=status, content_type="text/xml", headers=headers, body=(_DECLARATION + xml).encode())


class QueryEc2(Query):
    """EC2's dialect: no result wrapper, other names of the same errors."""

    flaws: ClassVar[Mapping[Flaw, tuple[int, str, str]]] = {
        Flaw.MISSING: (400, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        Flaw.INCOMPLETE: (400, "IncompleteSignature", "The request signature does not conform to standards."),
        Flaw.UNKNOWN_KEY: (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
        Flaw.WRONG_SIGNATURE: (403, "SignatureDoesNotMatch", WRONG_SIGNATURE),
        Flaw.SKEWED: (400, "RequestExpired", "Request has expired."),
        Flaw.EXPIRED: (400, "RequestExpired", "Request has expired."),
    }
    throttle = (503, "RequestLimitExceeded", "Request limit exceeded.")
    internal = (500, "InternalError", "An internal error has occurred")
    _error = (
        "<Response><Errors><Error>{code}<Message>{message}</Message></Error></Errors>"
        "<RequestID>{request_id}</RequestID></Response>"
    )

    def _wrap(self, operation: str, shape: Any, inner: str, request_id: str) -> str:  # noqa: ANN401, ARG002 - botocore's
        return (
            f'<{operation}Response xmlns="{self._namespace}"><requestId>{request_id}</requestId>{inner}'
            f"</{operation}Response>"
        )


@lru_cache
def _model(service: str) -> Any:  # noqa: ANN401 - botocore has no types
    description = botocore.loaders.Loader().load_service_model(service, "service-2")
    return botocore.model.ServiceModel(description, service)


def _xml(shape: Any, value: Any) -> str:  # noqa: ANN401 - botocore's shapes, and any member
    if shape.type_name == "structure":
        return "".join(
            _element(member.serialization.get("name", name), _xml(member, value[name]))
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    if shape.type_name == "list":
        name = shape.member.serialization.get("name", "member")
        return "".join(_element(name, _xml(shape.member, item)) for item in value)
    if shape.type_name == "boolean":
        return "true" if value else "false"
    return escape(str(value))


def _element(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"
