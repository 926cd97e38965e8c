"""Run ids: UUID version 7, so that they sort by time as text.

Source: RFC 9562, section 5.7; `uuid.uuid7` itself comes with Python 3.14.
"""

from __future__ import annotations

import secrets
import time
import uuid

__all__ = ["new_run_id"]


def new_run_id() -> str:
    """Give a new run id: 48 bits of milliseconds, then version, variant and 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    bits = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=bits))
