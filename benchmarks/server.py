"""The endpoint that every contestant talks to: cheaper per call than any of them, so that it measures them and not itself.

It answers STS, Organizations and `POST /jobs/list` of Macie over HTTP/1.1 with keep-alive, plain or TLS, from bytes
prepared beforehand, and counts calls and connections. It trusts whatever it is told: the access key carries the account,
and no signature is checked (the simulator of the package does that). Run `python -m benchmarks.server --help`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import re
import signal
import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from benchmarks.certificate import make_certificate
from benchmarks.world import MANAGEMENT_ACCOUNT, REGIONS, account_id, job_page, personal_page

_CREDENTIAL = re.compile(rb"Credential=(\w+)/\d+/([^/]+)/([^/]+)/")
_LENGTH = re.compile(rb"\ncontent-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"\nx-amz-target: *\S+\.(\w+)", re.IGNORECASE)
_TOKEN = re.compile(rb'"nextToken": *"(\d+)')
_PAGE_SIZE = re.compile(rb'"maxResults": *(\d+)')
_ROLE_ARN = re.compile(rb"RoleArn=([^&]+)")
_ACCOUNTS_PER_PAGE = 20


@dataclass(slots=True)
class Stats:
    """What was asked of the server since the last reset."""

    calls: dict[str, int] = field(default_factory=dict)
    connections: int = 0
    open: int = 0
    open_peak: int = 0
    region_open: dict[str, int] = field(default_factory=dict)
    region_peak: dict[str, int] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """Give all counts, ready for JSON; a region's connections are those whose latest call was the region's."""
        return {
            "calls": dict(self.calls),
            "connections": self.connections,
            "connections_peak": self.open_peak,
            "connections_peak_by_region": dict(self.region_peak),
        }

    def reset(self) -> None:
        """Forget everything but the connections that are open now."""
        self.calls.clear()
        self.region_peak.clear()
        self.region_open.clear()
        self.connections = 0
        self.open_peak = self.open


class Endpoint:
    """The answers: `accounts` of the organization, `jobs` per target in pages of at most `page` of them, after `latency` seconds."""

    def __init__(self, *, accounts: int, jobs: int, page: int, latency: float) -> None:
        self.stats = Stats()
        self.latency = latency
        self._accounts = accounts
        self._jobs = jobs
        self._page = page
        self._pages: dict[tuple[int, int], bytes] = {}

    def answer(self, head: bytes, body: bytes) -> tuple[bytes, str, str]:
        """Give the response to one request, the operation it asked for, and its region (both '' for our own pages)."""
        signed = _CREDENTIAL.search(head)
        if signed is None:
            return self._own_page(head), "", ""
        key, region, service = signed.group(1), signed.group(2).decode(), signed.group(3)
        if service == b"macie2" and head.startswith(b"POST /jobs/list"):
            return self._jobs_list(key, region, body), "ListClassificationJobs", region
        if service == b"sts":
            assume = b"Action=AssumeRole" in body
            answer = _assume_role(body) if assume else _caller_identity(key)
            return answer, "AssumeRole" if assume else "GetCallerIdentity", region
        if service == b"organizations" and (target := _TARGET.search(head)):
            operation = target.group(1).decode()
            return self._organizations(operation, body), operation, region
        return _response(b'{"message":"not offered by the benchmark"}', status=b"403 Forbidden"), "other", region

    def _jobs_list(self, key: bytes, region: str, body: bytes) -> bytes:
        token, wanted = _TOKEN.search(body), _PAGE_SIZE.search(body)
        offset = int(token.group(1)) if token else 0
        size = min(int(wanted.group(1)), self._page) if wanted else self._page
        page = self._pages.get((offset, size))
        if page is None:
            page = self._pages[offset, size] = _response(job_page(offset, size, self._jobs))
        return personal_page(page, key[-12:], region)

    def _organizations(self, operation: str, body: bytes) -> bytes:
        if operation == "DescribeOrganization":
            organization = {"Id": "o-benchmark0", "MasterAccountId": MANAGEMENT_ACCOUNT, "FeatureSet": "ALL"}
            return _response(json.dumps({"Organization": organization}).encode(), content=b"application/x-amz-json-1.1")
        if operation != "ListAccounts":
            return _response(b'{"__type":"AccessDeniedException"}', status=b"400 Bad Request")
        start = int(json.loads(body or b"{}").get("NextToken") or 0)
        end = min(start + _ACCOUNTS_PER_PAGE, self._accounts)
        page: dict[str, Any] = {"Accounts": [_account(number) for number in range(start, end)]}
        if end < self._accounts:
            page["NextToken"] = str(end)
        return _response(json.dumps(page).encode(), content=b"application/x-amz-json-1.1")

    def _own_page(self, head: bytes) -> bytes:
        if head.startswith(b"GET /stats"):
            return _response(json.dumps(self.stats.report()).encode())
        if head.startswith(b"POST /reset"):
            self.stats.reset()
            return _response(b"{}")
        return _response(b"{}", status=b"404 Not Found")


class Connection(asyncio.Protocol):
    """One connection: requests are cut out of the bytes as they come, and answered in their order."""

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop) -> None:
        self._endpoint = endpoint
        self._stats = endpoint.stats
        self._loop = loop
        self._buffer = b""
        self._region = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._stats.connections += 1
        self._stats.open += 1
        self._stats.open_peak = max(self._stats.open_peak, self._stats.open)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        """Count it out."""
        self._stats.open -= 1
        self._move_to("")

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        data = self._buffer + data if self._buffer else data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(data, 0, end)
            stop = end + 4 + (int(length.group(1)) if length else 0)
            if len(data) < stop:
                break
            self._respond(data[:end], data[end + 4 : stop])
            data = data[stop:]
        self._buffer = data

    def _respond(self, head: bytes, body: bytes) -> None:
        answer, operation, region = self._endpoint.answer(head, body)
        if not operation:
            self._transport.write(answer)
            return
        calls = self._stats.calls
        calls[operation] = calls.get(operation, 0) + 1
        if region != self._region:
            self._move_to(region)
        if self._endpoint.latency:
            self._loop.call_later(self._endpoint.latency, self._transport.write, answer)
        else:
            self._transport.write(answer)

    def _move_to(self, region: str) -> None:
        """Count this connection as the region's, whose call it carries, and no longer as the former one's."""
        count, peak = self._stats.region_open, self._stats.region_peak
        if self._region in count:
            count[self._region] -= 1
        if region:
            count[region] = count.get(region, 0) + 1
            peak[region] = max(peak.get(region, 0), count[region])
        self._region = region


def _response(body: bytes, *, status: bytes = b"200 OK", content: bytes = b"application/json") -> bytes:
    return (
        b"HTTP/1.1 %s\r\nContent-Type: %s\r\nx-amzn-RequestId: 5f0c7e2a-1d4b-4c8e-9a55-3b6f2d0e8c71\r\nContent-Length: %d\r\n\r\n%s"
        % (
            status,
            content,
            len(body),
            body,
        )
    )


def _assume_role(body: bytes) -> bytes:
    """Give credentials that never expire; the access key ends with the account."""
    match = _ROLE_ARN.search(body)
    arn = unquote_plus(match.group(1).decode()) if match else ""
    account, role = arn.split(":")[4], arn.rpartition("/")[2]
    text = (
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
        f"<AssumedRoleUser><AssumedRoleId>AROA{account}:benchmark</AssumedRoleId>"
        f"<Arn>arn:aws:sts::{account}:assumed-role/{role}/benchmark</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>{account}secret0123456789secret01234</SecretAccessKey>"
        f"<SessionToken>{account * 40}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        "</AssumeRoleResult><ResponseMetadata><RequestId>5f0c7e2a</RequestId></ResponseMetadata></AssumeRoleResponse>"
    )
    return _response(text.encode(), content=b"text/xml")


def _caller_identity(key: bytes) -> bytes:
    account = key[-12:].decode() if key.startswith(b"ASIA") else MANAGEMENT_ACCOUNT
    text = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>arn:aws:iam::{account}:user/benchmark</Arn><UserId>AIDA{account}</UserId><Account>{account}</Account>"
        "</GetCallerIdentityResult><ResponseMetadata><RequestId>5f0c7e2a</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
    return _response(text.encode(), content=b"text/xml")


def _account(number: int) -> dict[str, str | float]:
    account = account_id(number)
    return {
        "Id": account,
        "Arn": f"arn:aws:organizations::{MANAGEMENT_ACCOUNT}:account/o-benchmark0/{account}",
        "Email": f"account-{number}@example.com",
        "Name": f"account-{number}",
        "State": "ACTIVE",
        "Status": "ACTIVE",
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": 1700000000.0,
    }


async def serve(endpoint: Endpoint, *, port: int = 0, tls: ssl.SSLContext | None = None) -> asyncio.Server:
    """Listen on a loopback port; the caller closes the server."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(endpoint, loop), "127.0.0.1", port, ssl=tls, backlog=4096)


async def _main(options: argparse.Namespace) -> None:
    context = None
    if options.tls:
        certificate, key = make_certificate(Path(options.tls))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    endpoint = Endpoint(accounts=options.accounts, jobs=options.jobs, page=options.page, latency=options.latency / 1000)
    server = await serve(endpoint, port=options.port, tls=context)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    scheme, port = "https" if context else "http", server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"{scheme}://127.0.0.1:{port}", "regions": len(REGIONS)}), flush=True)
    gc.freeze()
    await stop.wait()
    server.close()


def main() -> int:
    """Serve until SIGTERM or SIGINT; the first line on stdout is JSON with the URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--accounts", type=int, default=20, help="how many ListAccounts tells of")
    parser.add_argument("--jobs", type=int, default=10, help="jobs per account and region")
    parser.add_argument("--page", type=int, default=50, help="most jobs on a page, whatever maxResults asks for")
    parser.add_argument("--latency", type=float, default=0, help="milliseconds before each answer")
    parser.add_argument("--tls", metavar="FOLDER", help="serve TLS with a certificate made in this folder")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
