"""The check of the database: reachable, at head, writable and free; nothing is created or changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from macie_inventory.doctor.check import Check, CheckStatus
from macie_inventory.errors import LeaseHeldError, MacieInventoryError
from macie_inventory.store import parse_database_url, require_free
from macie_inventory.store.inspection import SchemaState, check

if TYPE_CHECKING:
    from macie_inventory.store import DatabaseUrl

__all__ = ["check_database"]

_NEXT_STEPS = {
    SchemaState.OUTDATED: "run `macie-inventory db upgrade --backup`",
    SchemaState.NEWER: "upgrade macie-inventory, or name another database",
}


async def check_database(database: str) -> Check:
    """Say whether `collect` could write there."""
    try:
        url = parse_database_url(database)
        found = await check(url, untouched=True)
        if found.state in _NEXT_STEPS:
            detail = f"{url} is at revision {found.revision}, this version writes {found.head}"
            return _failed(detail, _NEXT_STEPS[found.state])
        if problem := _file_problem(url):
            return _failed(*problem)
        if found.state is SchemaState.NONE:
            detail = f"{url} holds no inventory yet: the first collect creates it"
            return Check(name="database", status=CheckStatus.OK, detail=detail)
        if _may_be_in_use(url):
            await require_free(url)
    except LeaseHeldError as error:
        step = "wait until it ends, or look for it on that host"
        return Check(name="database", status=CheckStatus.WARNING, detail=str(error), next_step=step)
    except MacieInventoryError as error:
        return _failed(str(error), "correct --database, or mend the database; then run it again")
    return Check(name="database", status=CheckStatus.OK, detail=f"{url} is at {found.head}, this version's revision")


def _file_problem(url: DatabaseUrl) -> tuple[str, str] | None:
    """Find out whether an SQLite file, and the log beside it, could be written."""
    if url.path is None:
        return None
    if not os.access(url.path.absolute().parent, os.W_OK | os.X_OK):
        return f"the folder of {url.path} cannot be written", "change its permissions, or name another file"
    if url.path.exists() and not os.access(url.path, os.W_OK):
        return f"{url.path} cannot be written", "change its permissions, or name another file"
    return None


def _may_be_in_use(url: DatabaseUrl) -> bool:
    """Tell whether somebody has the database open; an SQLite file's log is there exactly as long."""
    return url.path is None or url.path.with_name(url.path.name + "-wal").exists()


def _failed(detail: str, next_step: str) -> Check:
    return Check(name="database", status=CheckStatus.FAILED, detail=detail, next_step=next_step)
