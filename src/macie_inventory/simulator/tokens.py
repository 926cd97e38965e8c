"""Opaque pagination tokens, bound to the caller, the region and the query that they continue."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

_MAC = 12
FIRST = 1


class InvalidTokenError(ValueError):
    """A token that was not issued for this listing, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a listing goes on: the number of the page (from 1) and of the first item (from 0)."""

    page: int = FIRST
    offset: int = 0


class Tokens:
    """Issues and reads tokens; the same position of the same listing always has the same token."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, listing: str, position: Position) -> str:
        """Return the token of a position in a listing; `listing` names it in full (caller, region, query)."""
        place = f"{position.page}.{position.offset}".encode()
        return base64.urlsafe_b64encode(self._mac(listing, place) + place).decode()

    def read(self, listing: str, token: object) -> Position:
        """Return the position of a token, the first one for None; InvalidTokenError when it is not this listing's."""
        if token is None:
            return Position()
        mac, place = _split(token)
        if not hmac.compare_digest(mac, self._mac(listing, place)):
            raise InvalidTokenError("the token belongs to another listing")
        page, _, offset = place.partition(b".")
        return Position(page=int(page), offset=int(offset))

    def _mac(self, listing: str, place: bytes) -> bytes:
        return hmac.digest(self._secret, listing.encode() + b"\0" + place, hashlib.sha256)[:_MAC]


def page_of(token: object) -> int:
    """Return the number of the page that a token asks for, unverified; 1 when there is no readable token."""
    if token is None:
        return FIRST
    try:
        return int(_split(token)[1].partition(b".")[0])
    except ValueError:
        return FIRST


def _split(token: object) -> tuple[bytes, bytes]:
    try:
        text = base64.b64decode(str(token).encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidTokenError("the token is malformed") from None
    return text[:_MAC], text[_MAC:]
