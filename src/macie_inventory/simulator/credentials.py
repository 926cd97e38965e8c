"""The access keys that the simulator knows: the caller's own, and those that AssumeRole has minted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Credentials:
    """An access key with its owner. `expires_at` (seconds since 1970) may be earlier than was announced."""

    access_key: str
    secret_key: str
    account_id: str
    arn: str
    user_id: str
    token: str | None = None
    expires_at: float | None = None
    _keys: dict[tuple[str, str, str], bytes] = field(default_factory=dict, repr=False)

    def signing_key(self, date: str, region: str, service: str) -> bytes:
        """Return the SigV4 key of a credential scope; it is derived once."""
        scope = (date, region, service)
        key = self._keys.get(scope)
        if key is None:
            key = f"AWS4{self.secret_key}".encode()
            for part in (*scope, "aws4_request"):
                key = hmac.digest(key, part.encode(), hashlib.sha256)
            self._keys[scope] = key
        return key

    @property
    def is_session(self) -> bool:
        """Tell whether these are temporary credentials of an assumed role."""
        return self.token is not None


class Vault:
    """All credentials by access key. The base credentials are the same for the same account and user."""

    def __init__(self, account_id: str, arn: str) -> None:
        digest = hashlib.sha512(f"simulator/{arn}".encode()).digest()
        name = base64.b32encode(digest[:20]).decode()
        self.base = Credentials(
            access_key=f"AKIA{name[:16]}",
            secret_key=base64.b64encode(digest[20:50]).decode(),
            account_id=account_id,
            arn=arn,
            user_id=f"AIDA{name[16:32]}",
        )
        self._known = {self.base.access_key: self.base}

    def find(self, access_key: str) -> Credentials | None:
        """Return the credentials of an access key, None when it is unknown."""
        return self._known.get(access_key)

    def mint(self, *, account_id: str, arn: str, session_name: str, expires_at: float) -> Credentials:
        """Make and remember credentials of an assumed role."""
        role_id = base64.b32encode(hashlib.sha256(arn.encode()).digest()[:10]).decode()
        credentials = Credentials(
            access_key=f"ASIA{base64.b32encode(secrets.token_bytes(10)).decode()}",
            secret_key=base64.b64encode(secrets.token_bytes(30)).decode(),
            token=base64.b64encode(b"simulator" + secrets.token_bytes(279)).decode(),
            account_id=account_id,
            arn=arn,
            user_id=f"AROA{role_id}:{session_name}",
            expires_at=expires_at,
        )
        self._known[credentials.access_key] = credentials
        return credentials

    def sessions(self) -> list[Credentials]:
        """Return all temporary credentials, in the order in which they were minted."""
        return [credentials for credentials in self._known.values() if credentials.is_session]
