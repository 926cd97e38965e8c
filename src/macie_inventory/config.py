"""What a run is asked to do: `Scope` (what to visit), `RoleSettings` (as whom), `Limits` (how hard to try)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from macie_inventory.backoff import RetryPolicy
from macie_inventory.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

__all__ = ["SCOPE_LISTS", "Discovery", "Limits", "RoleSettings", "Scope"]

Discovery = Literal["organization", "accounts", "caller"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSettings:
    """How an account's role is assumed."""

    role_name: str = "MacieInventoryReader"
    external_id: SecretStr | None = field(default=None, repr=False)
    session_name: str = "macie-inventory"
    session_duration: int = 3600
    assume_own_account: bool = False

    def arn(self, partition: str, account_id: str) -> str:
        """Give the role's ARN in an account."""
        return f"arn:{partition}:iam::{account_id}:role/{self.role_name.lstrip('/')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What to visit, as it was asked for; empty means no restriction."""

    discovery: Discovery | None = None
    accounts_file: Path | None = None
    account: tuple[str, ...] = ()
    exclude_account: tuple[str, ...] = ()
    account_name: tuple[str, ...] = ()
    account_tag: tuple[str, ...] = ()
    ou: tuple[str, ...] = ()
    exclude_ou: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    exclude_region: tuple[str, ...] = ()
    organizational_units: bool = True
    role: RoleSettings = field(default_factory=RoleSettings)
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sort: str = "createdAt ASC"
    page_size: int = 200

    def as_json(self) -> dict[str, Any]:
        """Give what `runs.scope` keeps: all of it but the external id."""
        scope: dict[str, Any] = {"discovery": self.effective_discovery}
        if self.accounts_file is not None:
            scope["accounts_file"] = str(self.accounts_file)
        for name in SCOPE_LISTS:
            if values := getattr(self, name):
                scope[name] = list(values)
        return scope | {
            "role_name": self.role.role_name,
            "session_name": self.role.session_name,
            "session_duration": self.role.session_duration,
            "assume_own_account": self.role.assume_own_account,
            "sort": self.sort,
            "page_size": self.page_size,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], external_id: SecretStr | None) -> Scope:
        """Read what `as_json` wrote; the external id comes from today's configuration."""
        role = RoleSettings(
            role_name=stored["role_name"],
            external_id=external_id,
            session_name=stored["session_name"],
            session_duration=stored["session_duration"],
            assume_own_account=stored["assume_own_account"],
        )
        lists: dict[str, Any] = {name: tuple(stored.get(name, ())) for name in SCOPE_LISTS}
        file = stored.get("accounts_file")
        return cls(
            discovery=stored["discovery"],
            accounts_file=Path(file) if file else None,
            role=role,
            sort=stored["sort"],
            page_size=stored["page_size"],
            **lists,
        )

    @property
    def effective_discovery(self) -> Discovery:
        """Where the accounts come from: a file of accounts, given alone, is the list of them."""
        return self.discovery or ("accounts" if self.accounts_file else "organization")

    def check(self) -> None:
        """Raise UsageError when the options contradict each other."""
        discovery = self.effective_discovery
        if discovery == "organization" and self.accounts_file:
            raise UsageError("--accounts-file does not go with --discovery organization; use --discovery accounts")
        if discovery == "accounts" and not (self.account or self.accounts_file):
            raise UsageError("--discovery accounts needs --account or --accounts-file")
        if discovery == "caller":
            self._refuse(discovery, "accounts_file", "account", "exclude_account", "account_name")
        if discovery != "organization":
            self._refuse(discovery, "ou", "exclude_ou", "account_tag")
        if discovery == "accounts" and not self.accounts_file:
            self._refuse("accounts without --accounts-file", "account_name")
        for wanted, unwanted in (("account", "exclude_account"), ("region", "exclude_region"), ("ou", "exclude_ou")):
            if both := sorted(set(getattr(self, wanted)) & set(getattr(self, unwanted))):
                raise UsageError(f"{both[0]} is named by --{wanted} and by --{unwanted.replace('_', '-')}; drop one")

    def _refuse(self, discovery: str, *names: str) -> None:
        for name in names:
            if getattr(self, name):
                raise UsageError(
                    f"--{name.replace('_', '-')} does not go with --discovery {discovery}; drop one of them"
                )


SCOPE_LISTS = (
    "account",
    "exclude_account",
    "account_name",
    "account_tag",
    "ou",
    "exclude_ou",
    "region",
    "exclude_region",
    "include",
    "exclude",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much at once, how long, and how often; times in seconds."""

    concurrency: int = 50
    timeout: float | None = None
    target_timeout: float = 600.0
    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    sts_rate: float = 300.0
    organizations_quota_share: float = 0.9
    max_jobs_per_target: int = 200_000
    region_cool_off: float = 5.0
    lease_seconds: float = 60.0
