"""Single values, from whatever AWS sent to what a database can hold; pure."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from macie_inventory.model import timestamp

__all__ = ["integer", "moment", "storable_json", "storable_text", "text"]

_MOST_DIGITS = 4000
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPECT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})")
_ESCAPE = re.compile(r"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|.)")
_USUAL_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII).fullmatch
_FRACTION = re.compile(r"\.(\d+)")


def storable_text(text: str) -> str:
    """Replace what no database text can hold, NUL and lone surrogates, by U+FFFD."""
    return _NOT_STORABLE.sub("\ufffd", text)


def storable_json(raw: str) -> str:
    """Give JSON text that PostgreSQL's jsonb accepts: `storable_text` of every text in it.

    Text without suspicious escapes comes back as it is.
    """
    if "\\" not in raw or not _SUSPECT_ESCAPE.search(raw):
        return raw
    # Escape by escape instead of parsing: numbers, order and repeated keys stay as they are.
    return _ESCAPE.sub(_storable_escape, raw)


def _storable_escape(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape[2] and _SUSPECT_ESCAPE.match(escape[0]) else escape[0]


def text(value: Any) -> str | None:  # noqa: ANN401 - whatever AWS sent
    """Give a text as a database can hold it, and any other value but None as its JSON text."""
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.isascii() and "\x00" not in value else storable_text(value)
    try:
        return storable_text(json.dumps(value, ensure_ascii=False))
    except RecursionError:  # nested more deeply than Python follows; `raw` keeps it
        return None


def integer(digits: str) -> int | str:
    """Read an integer; one too long for Python's own conversion stays text."""
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def moment(value: Any) -> str | None:  # noqa: ANN401 - whatever AWS sent
    """Read ISO 8601 text or seconds since 1970 into UTC text; None when it is neither or outside years 1 to 9999."""
    if value is None:
        return None
    try:
        if isinstance(value, str) and _USUAL_MOMENT(value):
            datetime.fromisoformat(value)  # raises for a day that does not exist
            return value[:-1] + "000Z"
        if isinstance(value, str) and not value.replace(".", "", 1).lstrip("-").isdigit():
            read = datetime.fromisoformat(_FRACTION.sub(_microseconds, value.strip(), count=1))
            return timestamp(read if read.tzinfo else read.replace(tzinfo=UTC))
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return timestamp(datetime.fromtimestamp(float(value), UTC))
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _microseconds(fraction: re.Match[str]) -> str:
    return "." + fraction.group(1)[:6].ljust(6, "0")
