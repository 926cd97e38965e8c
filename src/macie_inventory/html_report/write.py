"""From the database to the file."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from macie_inventory import __version__
from macie_inventory.errors import UsageError
from macie_inventory.html_report.content import page_content
from macie_inventory.html_report.reading import read_inventory
from macie_inventory.model import timestamp

if TYPE_CHECKING:
    from macie_inventory.html_report.reading import Inventory
    from macie_inventory.store import DatabaseUrl

__all__ = ["render", "write_report"]

ASSETS = Path(__file__).with_name("assets")


async def write_report(url: DatabaseUrl, run_id: str, output: Path) -> int:
    """Write the report of a run (its id, or `last`) and give its size in bytes.

    The file appears whole or not at all, readable by its owner only. Raises UsageError when there is no such run or
    the file cannot be written, DatabaseError when the database cannot be read, ConfigurationError without the extra.
    """
    text = render(await read_inventory(url, run_id), now=timestamp(datetime.now(UTC))).encode()
    _replace(output, text)
    return len(text)


def render(inventory: Inventory, *, now: str) -> str:
    """Write the page; what comes from AWS is escaped, and only the page's own script is allowed to run."""
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (ASSETS / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        page_content(inventory, now=now),
        version=__version__,
        script=Markup(script),  # noqa: S704 - our own file
        style=Markup((ASSETS / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        script_digest=digest,
    )


def _replace(output: Path, text: bytes) -> None:
    try:
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
            Path(name).replace(output)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise UsageError(f"cannot write --output {output}: {error.strerror or error}; name another file") from error
