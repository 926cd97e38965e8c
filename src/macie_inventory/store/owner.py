"""Who holds a lease: this host and process, told apart from a later process with the same number."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Owner", "is_gone", "this_process"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process on a host.

    `process_identity` names the boot, the PID namespace and the start of the process, where the system tells (Linux);
    None elsewhere, and then only time tells that the owner is gone.
    """

    host: str
    process_id: int
    process_identity: str | None


def this_process() -> Owner:
    """Describe the running process."""
    process_id = os.getpid()
    space, start = _space(), _start(process_id)
    identity = f"{space}/{start}" if space and start else None
    return Owner(host=socket.gethostname(), process_id=process_id, process_identity=identity)


def is_gone(owner: Owner) -> bool:
    """Tell whether a process has certainly ended: it ran in this very boot and PID namespace, and is not there."""
    space = _space()
    if owner.process_identity is None or space is None or owner.host != socket.gethostname():
        return False
    owner_space, _, owner_start = owner.process_identity.rpartition("/")
    return owner_space == space and _start(owner.process_id) != owner_start


def _space() -> str | None:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None


def _start(process_id: int) -> str | None:
    """Give when a process started, in clock ticks since boot; None when there is no such process, or only its remains."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the command in parentheses, which may hold spaces: count from its end.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]
