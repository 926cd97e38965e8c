"""The values of an examination: each check, how it ended, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["CHECKS", "Check", "CheckStatus", "checks_as_json", "unusable_configuration"]

CHECKS = {
    "configuration": "configuration",
    "credentials": "credentials",
    "organizations": "AWS Organizations",
    "sts": "STS endpoint",
    "member_role": "member role",
    "listing": "listing of jobs",
    "database": "database",
    "clock": "clock",
}
"""Every check in its order, and what people call it."""


class CheckStatus(StrEnum):
    """How a check ended; only `failed` makes the examination fail."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: its name (a key of `CHECKS`), how it ended, what was found, and the next step unless all is well."""

    name: str
    status: CheckStatus
    detail: str
    next_step: str | None = None


def checks_as_json(checks: Iterable[Check]) -> dict[str, Any]:
    """Give the object that `doctor --format json` prints."""
    listed = [
        {"check": check.name, "status": check.status.value, "detail": check.detail, "next_step": check.next_step}
        for check in checks
    ]
    return {"ok": all(check["status"] != CheckStatus.FAILED for check in listed), "checks": listed}


def unusable_configuration(problem: str) -> Iterator[Check]:
    """Yield every check of an examination that could not begin."""
    for name in CHECKS:
        if name == "configuration":
            step = "correct it; config/macie-inventory.toml shows every key, and --help every option"
            yield Check(name=name, status=CheckStatus.FAILED, detail=problem, next_step=step)
        else:
            yield skipped(name, "configuration")


def skipped(name: str, because: str) -> Check:
    """Give a check that makes no sense until another one is well."""
    detail = f"not checked: it needs the {CHECKS[because]}"
    return Check(
        name=name, status=CheckStatus.SKIPPED, detail=detail, next_step="mend what is above, then run it again"
    )
