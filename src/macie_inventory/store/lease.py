"""One run at a time: a row that a run holds, renews and gives back.

The row says who holds it (host, process, run) and since when. It lapses when its owner has not renewed it in time, and at
once when the owner's process is known to have ended. All times are the database's own clock.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from macie_inventory.errors import LeaseHeldError
from macie_inventory.store.operations import execute
from macie_inventory.store.owner import Owner, is_gone
from macie_inventory.store.values import moment_text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["Lease", "acquire", "new_token", "refuse_held", "release", "renew"]

_NAME = "collect"

_NOW = {"sqlite": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')", "postgresql": "clock_timestamp()"}
_THEN = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', ? || ' seconds')",
    "postgresql": "clock_timestamp() + make_interval(secs => ?::double precision)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who holds the database: the owner, its run, since when, and whether time ran out."""

    token: str
    run_id: str
    owner: Owner
    acquired_at: str
    lapsed: bool


def new_token() -> str:
    """Name one holding of the lease; a run that is resumed holds it under another name than before."""
    return uuid.uuid4().hex


def _times(connection: AsyncConnection) -> tuple[str, str]:
    return _NOW[connection.dialect.name], _THEN[connection.dialect.name]


async def acquire(connection: AsyncConnection, token: str, run_id: str, owner: Owner, seconds: float) -> None:
    """Take the lease for `seconds`, in the caller's transaction.

    Raises LeaseHeldError, saying who holds it and since when, while another owner lives.
    """
    now, then = _times(connection)
    values = (token, run_id, owner.host, owner.process_id, owner.process_identity)
    await execute(
        connection,
        "INSERT INTO leases (name, token, run_id, host, process_id, process_identity, acquired_at, heartbeat_at, "  # noqa: S608
        f"expires_at) VALUES (?, ?, ?, ?, ?, ?, {now}, {now}, {then}) ON CONFLICT (name) DO NOTHING",
        (_NAME, *values, str(seconds)),
    )
    held = await _held(connection, lock=True)
    if held is None or held.token == token:
        return
    _refuse(held)
    await execute(
        connection,
        "UPDATE leases SET token = ?, run_id = ?, host = ?, process_id = ?, process_identity = ?, "  # noqa: S608 - our SQL
        f"acquired_at = {now}, heartbeat_at = {now}, expires_at = {then} WHERE name = ?",
        (*values, str(seconds), _NAME),
    )


async def _held(connection: AsyncConnection, *, lock: bool) -> Lease | None:
    now, _ = _times(connection)
    suffix = " FOR UPDATE" if lock and connection.dialect.name == "postgresql" else ""
    rows = await execute(
        connection,
        "SELECT token, run_id, host, process_id, process_identity, acquired_at, "  # noqa: S608 - our SQL
        f"CASE WHEN expires_at <= {now} THEN 1 ELSE 0 END FROM leases WHERE name = ?{suffix}",
        (_NAME,),
    )
    if not rows:
        return None
    token, run_id, host, process_id, identity, acquired_at, lapsed = rows[0]
    return Lease(
        token=token,
        run_id=run_id,
        owner=Owner(host=host, process_id=process_id, process_identity=identity),
        acquired_at=moment_text(acquired_at) or "",
        lapsed=bool(lapsed),
    )


def _refuse(held: Lease) -> None:
    if not held.lapsed and not is_gone(held.owner):
        raise LeaseHeldError(
            f"run {held.run_id} is collecting into this database since {held.acquired_at} "
            f"(process {held.owner.process_id} on {held.owner.host}): wait for it to end"
        )


async def refuse_held(connection: AsyncConnection) -> None:
    """Raise LeaseHeldError, saying who holds the lease and since when, while another owner lives."""
    held = await _held(connection, lock=False)
    if held is not None:
        _refuse(held)


async def renew(connection: AsyncConnection, token: str, seconds: float) -> None:
    """Hold the lease for another `seconds`, in the caller's transaction.

    Raises LeaseHeldError when it is no longer ours: another run took it over, and nothing may be written.
    """
    now, then = _times(connection)
    rows = await execute(
        connection,
        f"UPDATE leases SET heartbeat_at = {now}, expires_at = {then} WHERE name = ? AND token = ? RETURNING run_id",  # noqa: S608
        (str(seconds), _NAME, token),
    )
    if rows:
        return
    held = await _held(connection, lock=False)
    by = f"run {held.run_id} (process {held.owner.process_id} on {held.owner.host})" if held else "another run"
    raise LeaseHeldError(f"{by} took this database over because this run was silent too long: nothing more is written")


async def release(connection: AsyncConnection, token: str) -> None:
    """Give the lease back, in the caller's transaction; one that is no longer ours stays as it is."""
    await execute(connection, "DELETE FROM leases WHERE name = ? AND token = ?", (_NAME, token))
