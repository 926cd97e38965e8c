"""results.json: what was measured last, by section, with the machine and the versions it was measured with."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["RESULTS", "read_results", "write_results"]

RESULTS = Path(__file__).parent / "results.json"
_PACKAGES = ("aioboto3", "aiobotocore", "botocore", "aiohttp", "msgspec", "sqlalchemy", "aiosqlite", "psycopg")


def read_results() -> dict[str, Any]:
    """Give every section, or nothing when nothing was measured yet."""
    if not RESULTS.exists():
        return {}
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def write_results(section: str, content: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    """Replace one section, and note when and with what it was measured; then render README.md and the picture anew."""
    from benchmarks.report import render  # noqa: PLC0415 - the report reads what stands here

    results = read_results()
    results[section] = content
    results.setdefault("measured", {})[section] = {"on": datetime.now(UTC).date().isoformat(), **_circumstances()}
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    render(results)


def _circumstances() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "machine": f"{os.cpu_count()} cores {platform.machine()}, {memory / 2**30:.0f} GiB, {platform.system()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: _version(name) for name in _PACKAGES},
        "implementation": sys.implementation.name,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
