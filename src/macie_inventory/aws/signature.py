"""Sign one kind of request many times: AWS Signature Version 4, with all that stays the same computed once.

botocore signs any request and pays for that with a third of a call's CPU; here address, method and headers never
change. A test holds every signature against botocore's own.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from time import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from botocore.auth import SIGNED_HEADERS_BLACKLIST
from botocore.utils import normalize_url_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.credentials import ReadOnlyCredentials

__all__ = ["PostSigner"]

ALGORITHM = "AWS4-HMAC-SHA256"
DEFAULT_PORTS = {"http": 80, "https": 443}


class PostSigner:
    """Signs POST requests to one URL, without a query, that all carry the same headers."""

    def __init__(self, url: str, headers: Mapping[str, str], *, service: str, region: str) -> None:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        if parts.port is not None and parts.port != DEFAULT_PORTS.get(parts.scheme):
            host = f"{host}:{parts.port}"
        self._path = quote(normalize_url_path(parts.path), safe="/~")
        self._headers = dict(headers)
        kept = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        self._signed = {name: value for name, value in kept.items() if name not in SIGNED_HEADERS_BLACKLIST} | {
            "host": host
        }
        self._service = service
        self._region = region
        self._templates = {token: self._template(with_token=token) for token in (False, True)}

    def _template(self, *, with_token: bool) -> tuple[str, str]:
        """Give the canonical request with its varying parts left open, and the names of the signed headers."""
        varying = {"x-amz-date": "{moment}"} | ({"x-amz-security-token": "{token}"} if with_token else {})
        fixed = {name: value.replace("{", "{{").replace("}", "}}") for name, value in self._signed.items()}
        headers = dict(sorted((fixed | varying).items()))
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        path = self._path.replace("{", "{{").replace("}", "}}")
        return f"POST\n{path}\n\n{lines}\n{names}\n{{digest}}", names

    def sign(self, body: bytes, credentials: ReadOnlyCredentials, now: datetime | None = None) -> dict[str, str]:
        """Give all headers of a request with this body, signed with these credentials."""
        moment = _written(int(now.timestamp() if now else time()))
        date, token = moment[:8], credentials.token
        template, names = self._templates[bool(token)]
        request = template.format(moment=moment, token=token, digest=sha256(body).hexdigest())
        scope = f"{date}/{self._region}/{self._service}/aws4_request"
        text = f"{ALGORITHM}\n{moment}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        key = f"AWS4{credentials.secret_key}".encode()
        for part in (date, self._region, self._service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers = {
            **self._headers,
            "X-Amz-Date": moment,
            "Authorization": f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}",
        }
        if token:
            headers["X-Amz-Security-Token"] = token
        return headers


@lru_cache(maxsize=1)
def _written(second: int) -> str:
    """Write a moment as signatures do; a run signs many requests within one second."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")
