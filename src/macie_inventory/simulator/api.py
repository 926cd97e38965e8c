"""What passes between the protocols, the faults and the services: a call, its result, and an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from macie_inventory.simulator.credentials import Credentials

Result = Mapping[str, object] | bytes
"""What an operation answers: members of its output shape, or the finished body."""


class ApiError(Exception):
    """An error as AWS answers it: HTTP status, code and message."""

    def __init__(self, status: int, code: str | None, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


class UnreachableError(Exception):
    """There is no such endpoint: the connection is cut instead of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An authenticated call of one operation.

    `account_id` is the account that the call is about: the role's for AssumeRole, the signer's for all others.
    `page` counts the pages of a listing from 1, as its token says.
    """

    service: str
    operation: str
    params: Mapping[str, object]
    signer: Credentials
    account_id: str
    region: str
    page: int = 1

    @property
    def action(self) -> str:
        """The IAM action, such as `macie2:ListClassificationJobs`."""
        return f"{self.service}:{self.operation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that only has to be written: `headers` go out as they are."""

    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes
