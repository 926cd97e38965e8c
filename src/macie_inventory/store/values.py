"""From a driver's values to ours: PostgreSQL gives datetimes and parsed JSON where SQLite gives text."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from macie_inventory.model import timestamp
from macie_inventory.normalise import storable_json

__all__ = ["json_text", "json_value", "moment_text"]


def moment_text(value: Any) -> str | None:  # noqa: ANN401 - what a driver gives
    """Give a moment as UTC text of fixed width, as `model.timestamp` writes it."""
    return timestamp(value) if isinstance(value, datetime) else value


def json_value(value: Any) -> Any:  # noqa: ANN401 - what a driver gives
    """Give a JSON column's value, parsed."""
    return json.loads(value) if isinstance(value, str) else value


def json_text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """Write a value as JSON that both databases hold; None stays SQL's null."""
    if value is None:
        return None
    return storable_json(json.dumps(value, separators=(",", ":"), default=str))
