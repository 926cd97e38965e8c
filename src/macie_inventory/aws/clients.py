"""The SDK's clients: few, shared, and opened once for the run.

A call of ListClassificationJobs through the SDK's client costs four times what the request itself does. So each
region's client makes its request once, without sending it; every page repeats that request over the client's own HTTP
session, with another token and another account's signature. Endpoint, proxies, TLS, timeouts, user agent and the
exceptions stay the SDK's (docs/adr/0006-one-request-per-region.md).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
from aiobotocore.config import AioConfig
from aiobotocore.parsers import create_parser
from botocore.exceptions import ClientError, NoCredentialsError

from macie_inventory import __version__
from macie_inventory.aws.signature import PostSigner
from macie_inventory.aws.transport import capture_request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    import aioboto3
    from aiobotocore.credentials import AioCredentials

    from macie_inventory.aws.transport import CapturedRequest, Transport
    from macie_inventory.config import Limits

__all__ = ["MacieClients", "MacieRegion", "Page", "client_config"]

OPERATION = "ListClassificationJobs"
FIRST_ERROR = 300


def client_config(limits: Limits, transport: Transport, *, connections: int) -> AioConfig:
    """Give the settings that all clients share; the SDK's own retries are off, because the program has one policy."""
    return AioConfig(
        connect_timeout=limits.connect_timeout,
        read_timeout=limits.read_timeout,
        max_pool_connections=connections,
        parameter_validation=False,
        retries={"total_max_attempts": 1, "mode": "standard"},
        user_agent_extra=f"macie-inventory/{__version__}",
        http_session_cls=transport.session_class,
    )


class Page:
    """A successful answer as it came: the body, and what to say if it is no listing."""

    __slots__ = ("body", "request_id", "status")

    def __init__(self, body: bytes, status: int, request_id: str | None) -> None:
        self.body = body
        self.status = status
        self.request_id = request_id


class MacieRegion:
    """ListClassificationJobs in one region, for any account."""

    def __init__(self, captured: CapturedRequest) -> None:
        self._captured = captured
        self._signer = PostSigner(
            captured.url, captured.headers, service=captured.signing_name, region=captured.signing_region
        )
        self._parameters: dict[str, Any] = json.loads(captured.body)
        self._parser = create_parser(captured.protocol)

    async def list_jobs(self, token: str | None, credentials: AioCredentials) -> Page:
        """Ask for one page (the first when there is no token) with an account's credentials.

        Raises what the SDK raises: ClientError for an error answer, its connection errors, NoCredentialsError.
        """
        frozen = await credentials.get_frozen_credentials() if credentials is not None else None
        if frozen is None or not frozen.secret_key:
            raise NoCredentialsError
        body = self._captured.body
        if token is not None:
            body = json.dumps({**self._parameters, "nextToken": token}).encode()
        status, headers, content = await self._captured.route.post(self._signer.sign(body, frozen), body)
        if status >= FIRST_ERROR:
            context = {"operation_name": OPERATION}
            answer = {"status_code": status, "headers": headers, "body": content, "context": context}
            raise ClientError(await self._parser.parse(answer, self._captured.output_shape), OPERATION)
        return Page(content, status, headers.get("x-amzn-requestid"))


class MacieClients:
    """One macie2 client per region, without credentials of its own, shared by all accounts."""

    def __init__(
        self, session: aioboto3.Session, config: AioConfig, stack: AsyncExitStack, parameters: Mapping[str, Any]
    ) -> None:
        self._session = session
        self._config = config
        self._stack = stack
        self._parameters = parameters
        self._regions: dict[str, MacieRegion] = {}
        self._lock = anyio.Lock()

    async def of(self, region: str) -> MacieRegion:
        """Give the region's client; the first call for a region opens it."""
        if (client := self._regions.get(region)) is not None:
            return client
        async with self._lock:
            if region not in self._regions:
                opening = self._session.client("macie2", region_name=region, config=self._config)
                client = await self._stack.enter_async_context(opening)
                self._regions[region] = MacieRegion(await capture_request(client, OPERATION, self._parameters))
        return self._regions[region]
