"""What every protocol does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from macie_inventory.simulator.api import ApiError, Reply, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from macie_inventory.simulator.signature import Flaw

INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - a message
EXPIRED_TOKEN = "The security token included in the request is expired"  # noqa: S105 - a message
WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The parts of an HTTP request that name an operation; `target` is the X-Amz-Target header."""

    method: str
    path: str
    query: str
    target: str | None
    body: bytes


class Protocol(ABC):
    """How one service reads requests and writes answers."""

    name: str
    flaws: ClassVar[Mapping[Flaw, tuple[int, str, str]]]
    throttle: tuple[int, str, str]
    internal: tuple[int, str, str]

    @abstractmethod
    def parse(self, request: Request) -> tuple[str, Mapping[str, object]]:
        """Return operation and parameters of a request; ApiError when there is no such operation."""

    @abstractmethod
    def success(self, operation: str, result: Result, request_id: str) -> Reply:
        """Write the result of an operation."""

    @abstractmethod
    def failure(self, error: ApiError, request_id: str) -> Reply:
        """Write an error."""

    def not_authentic(self, flaw: Flaw, detail: str = "") -> ApiError:
        """Return the error with which the service refuses a request that is not authentic."""
        status, code, message = self.flaws[flaw]
        return ApiError(status, code, detail or message)
