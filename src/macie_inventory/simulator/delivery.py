"""Puts answers on the wire: whole ones, and those that a fault breaks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

from aiohttp import web

from macie_inventory.simulator.api import Reply
from macie_inventory.simulator.faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = (
    "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center>"
    "<hr>The proxy could not do better.<br></body></html>\n"
)
BROKEN_ON_THE_WIRE = frozenset({FaultKind.RESET_BODY, FaultKind.CUT_BODY, FaultKind.CUT_CHUNKED})
"""Faults that begin to send the right answer."""


def canned(kind: FaultKind) -> Reply | None:
    """Return the answer of a fault that has nothing to do with AWS, None for other faults."""
    match kind:
        case FaultKind.UNAVAILABLE:
            body = PAGE.format(title="503 Service Temporarily Unavailable").encode()
            return Reply(status=503, content_type="text/html", headers={}, body=body)
        case FaultKind.THROTTLE_BARE:
            return Reply(status=429, content_type="text/plain", headers={}, body=b"")
        case FaultKind.HTML:
            body = PAGE.format(title="Welcome to the network").encode()
            return Reply(status=200, content_type="text/html", headers={}, body=body)
        case FaultKind.NOT_JSON:
            return Reply(status=200, content_type="application/json", headers={}, body=b'{"items": [{"jobId": "0a')
        case FaultKind.NO_ITEMS:
            return Reply(status=200, content_type="application/json", headers={}, body=b"{}")
        case _:
            return None


def whole(reply: Reply) -> web.Response:
    """Return the answer that sends all of a reply."""
    return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type, headers=reply.headers)


async def broken(request: web.BaseRequest, reply: Reply, kind: FaultKind) -> web.StreamResponse:
    """Send about half of a reply, then break the connection in the way of the fault."""
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_type = reply.content_type
    if kind is FaultKind.CUT_CHUNKED:
        response.enable_chunked_encoding()
    else:
        response.content_length = len(reply.body) + 1
    half = reply.body[: len(reply.body) // 2 + 1]
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        await response.write(half)
    if kind is FaultKind.RESET_BODY:
        await asyncio.sleep(0)
        return cut(request, reset=True)
    return cut(request, reset=False)


def cut(request: web.BaseRequest, *, reset: bool) -> web.StreamResponse:
    """Break the connection, with a TCP reset or an orderly end; returns what the server then can't send."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if reset and connection is not None:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end: Callable[[], None] = transport.abort if reset else transport.close
        end()
    return _Nothing()


class _Nothing(web.StreamResponse):
    """An answer to a connection that is gone."""

    async def prepare(self, request: web.BaseRequest) -> None:  # noqa: ARG002 - the base class's signature
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""
