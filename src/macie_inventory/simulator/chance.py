"""Reproducible chance: a number for a name, whatever happened before."""

from __future__ import annotations

from hashlib import blake2b


def chance(*parts: object) -> float:
    """Return a number in [0, 1) that depends on nothing but the parts."""
    digest = blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
