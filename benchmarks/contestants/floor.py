"""Contestant 5, the floor: aiohttp, SigV4 by hand with cached keys, msgspec, and SQLite without anything in between.

No retries, no error handling, no progress, no history: about the least that this work can cost in Python.
"""

from __future__ import annotations

import asyncio
import gc
import hmac
import os
import ssl
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import aiohttp
import msgspec
from benchmarks.contestants.common import ROLE, options
from benchmarks.contestants.floor_store import FloorStore

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_XML = "{https://sts.amazonaws.com/doc/2011-06-15/}"


class _Page(msgspec.Struct):
    items: list[msgspec.Raw]
    next_token: str | None = msgspec.field(default=None, name="nextToken")


_decode_page = msgspec.json.Decoder(_Page).decode


class Signer:
    """Signs POST requests of one set of credentials; a key serves its date, region and service."""

    def __init__(self, host: str, access_key: str, secret_key: str, token: str | None) -> None:
        self._host = host
        self._access_key = access_key
        self._secret = f"AWS4{secret_key}".encode()
        self._token = token
        self._keys: dict[tuple[str, str, str], bytes] = {}

    def headers(self, service: str, region: str, path: str, content: str, body: bytes) -> dict[str, str]:
        """Give the headers of a signed request."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        date = moment[:8]
        names, token = "content-type;host;x-amz-date", ""
        if self._token:
            names, token = names + ";x-amz-security-token", f"x-amz-security-token:{self._token}\n"
        request = f"POST\n{path}\n\ncontent-type:{content}\nhost:{self._host}\nx-amz-date:{moment}\n{token}\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{date}/{region}/{service}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        key = self._keys.get((date, region, service))
        if key is None:
            secret = self._secret
            for part in (date, region, service, "aws4_request"):
                secret = hmac.digest(secret, part.encode(), "sha256")
            key = self._keys[date, region, service] = secret
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        headers = {
            "Content-Type": content,
            "X-Amz-Date": moment,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}",
        }
        if self._token:
            headers["X-Amz-Security-Token"] = self._token
        return headers


class Collector:
    """Visits targets with one HTTP session."""

    def __init__(self, asked: argparse.Namespace, session: aiohttp.ClientSession, store: FloorStore) -> None:
        self._asked = asked
        self._session = session
        self._store = store
        self._host = urlsplit(asked.endpoint).netloc
        self._roles: dict[str, asyncio.Task[Signer]] = {}
        environment = os.environ
        self._base = Signer(
            self._host,
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN"),
        )
        self._list_url = asked.endpoint + "/jobs/list"

    async def _assume(self, account: str) -> Signer:
        arn = f"arn:aws:iam::{account}:role/{ROLE}"
        form = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": arn, "RoleSessionName": "benchmark"}
        body = urlencode(form).encode()
        headers = self._base.headers("sts", "us-east-1", "/", "application/x-www-form-urlencoded", body)
        async with self._session.post(self._asked.endpoint + "/", data=body, headers=headers) as response:
            found = ET.fromstring(await response.read()).find(f".//{_XML}Credentials")  # noqa: S314 - our own server's
        assert found is not None
        values = (found.findtext(_XML + name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        access_key, secret_key, token = values
        return Signer(self._host, access_key or "", secret_key or "", token)

    async def _list(self, signer: Signer, account: str, region: str) -> None:
        started_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body, items, pages = b'{"maxResults": 200}', [], 0
        while True:
            headers = signer.headers("macie2", region, "/jobs/list", "application/json", body)
            async with self._session.post(self._list_url, data=body, headers=headers) as response:
                page = _decode_page(await response.read())
            pages += 1
            items += page.items
            if page.next_token is None:
                break
            body = msgspec.json.encode({"maxResults": 200, "nextToken": page.next_token})
        self._store.add(account, region, items, pages, started_at)

    async def work(self, targets: Iterator[tuple[str, str]]) -> None:
        """Take targets until there are none."""
        for account, region in targets:
            role = self._roles.get(account)
            if role is None:
                role = self._roles[account] = asyncio.create_task(self._assume(account))
            await self._list(await role, account, region)


async def run(asked: argparse.Namespace) -> None:
    """Visit every target."""
    store = FloorStore(asked.database, asked.account_ids)
    bundle = os.environ.get("AWS_CA_BUNDLE")
    tls = ssl.create_default_context(cafile=bundle) if bundle else True
    connector = aiohttp.TCPConnector(limit=asked.concurrency, ssl=tls)
    skip = ("User-Agent", "Accept", "Accept-Encoding")
    async with aiohttp.ClientSession(connector=connector, skip_auto_headers=skip, auto_decompress=False) as session:
        collector = Collector(asked, session, store)
        targets = iter([(account, region) for account in asked.account_ids for region in asked.region_names])
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        await asyncio.gather(*(collector.work(targets) for _ in range(asked.concurrency)))
    store.close()


if __name__ == "__main__":
    asyncio.run(run(options(__doc__)))
