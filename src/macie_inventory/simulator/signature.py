"""Signature Version 4 as the service checks it: who signed a request, and whether that (still) holds.

Source: the Signature Version 4 chapter of the IAM User Guide ("Create a signed AWS API request").
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, quote

if TYPE_CHECKING:
    from macie_inventory.simulator.credentials import Credentials, Vault

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = 300
"""How many seconds a request's date may differ from the server's clock."""

_AUTHORIZATION = re.compile(
    ALGORITHM + r" +Credential=(?P<access_key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request"
    r", *SignedHeaders=(?P<signed_headers>[^, ]+), *Signature=(?P<signature>[0-9a-f]{64})"
)


class Flaw(StrEnum):
    """Why a request is not authentic."""

    MISSING = "missing"
    INCOMPLETE = "incomplete"
    UNKNOWN_KEY = "unknown-key"
    WRONG_SIGNATURE = "wrong-signature"
    SKEWED = "skewed"
    EXPIRED = "expired"


class NotAuthenticError(Exception):
    """A request that is not signed by credentials that are valid now; `detail` is what AWS would add."""

    def __init__(self, flaw: Flaw, detail: str = "") -> None:
        super().__init__(f"{flaw}: {detail}")
        self.flaw = flaw
        self.detail = detail


class Headers(Protocol):
    """The headers of a request; names are compared without regard to case."""

    def get(self, key: str, /) -> str | None:
        """Return the first value of a header."""
        ...

    def getall(self, key: str, /) -> list[str]:
        """Return every value of a header."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The parts of an Authorization header."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What of a request is signed: `path` and `query` as they came, still encoded."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


def parse_authorization(header: str | None) -> Authorization:
    """Take an Authorization header apart; NotAuthenticError when it is missing or malformed."""
    if not header:
        raise NotAuthenticError(Flaw.MISSING)
    found = _AUTHORIZATION.fullmatch(header)
    if not found:
        raise NotAuthenticError(Flaw.INCOMPLETE, "Authorization header is malformed.")
    return Authorization(**found.groupdict())


def authenticate(request: Signed, authorization: Authorization, vault: Vault, now: float) -> Credentials:
    """Return the credentials that signed the request, or raise NotAuthenticError.

    Checked in the order of AWS: the key and its session token, the date, the signature, the expiry.
    """
    credentials = vault.find(authorization.access_key)
    if credentials is None or request.headers.get("X-Amz-Security-Token") != credentials.token:
        raise NotAuthenticError(Flaw.UNKNOWN_KEY)
    date = request.headers.get("X-Amz-Date") or ""
    _check_date(date, authorization, now)
    expected = sign(request, authorization, date, credentials)
    if not hmac.compare_digest(expected, authorization.signature):
        raise NotAuthenticError(Flaw.WRONG_SIGNATURE)
    if credentials.expires_at is not None and now >= credentials.expires_at:
        raise NotAuthenticError(Flaw.EXPIRED)
    return credentials


def _check_date(date: str, authorization: Authorization, now: float) -> None:
    names = authorization.signed_headers.split(";")
    if "host" not in names or "x-amz-date" not in names:
        raise NotAuthenticError(Flaw.INCOMPLETE, "'Host' and 'X-Amz-Date' must be signed headers.")
    try:
        signed_at = _seconds(date)
    except ValueError:
        raise NotAuthenticError(Flaw.INCOMPLETE, "Date must be in ISO-8601 'basic format'.") from None
    if not date.startswith(authorization.date):
        raise NotAuthenticError(Flaw.INCOMPLETE, "Date in Credential scope does not match YYYYMMDD from the date.")
    if abs(signed_at - now) > SKEW:
        server = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        late = signed_at < now
        words = (
            "Signature expired: {} is now earlier than {}" if late else "Signature not yet current: {} is later than {}"
        )
        raise NotAuthenticError(Flaw.SKEWED, words.format(date, server))


@lru_cache(maxsize=1024)
def _seconds(date: str) -> float:
    return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def sign(request: Signed, authorization: Authorization, date: str, credentials: Credentials) -> str:
    """Return the signature that the request should carry, in hexadecimal."""
    body_hash = hashlib.sha256(request.body).hexdigest()
    headers = "".join(
        f"{name}:{','.join(' '.join(value.split()) for value in _values(request.headers, name))}\n"
        for name in authorization.signed_headers.split(";")
    )
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/~"),
            _canonical_query(request.query) if request.query else "",
            headers,
            authorization.signed_headers,
            body_hash,
        )
    )
    scope = f"{authorization.date}/{authorization.region}/{authorization.service}/aws4_request"
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    key = credentials.signing_key(authorization.date, authorization.region, authorization.service)
    return hmac.digest(key, f"{ALGORITHM}\n{date}\n{scope}\n{digest}".encode(), hashlib.sha256).hex()


def _values(headers: Headers, name: str) -> list[str]:
    try:
        return headers.getall(name)
    except KeyError:
        return []


def _canonical_query(query: str) -> str:
    """Return the parameters encoded in the one way that is signed, sorted."""
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)
