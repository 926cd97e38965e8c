"""What policies and templates are filled in with, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from macie_inventory.errors import UsageError
from macie_inventory.iam.actions import Feature

__all__ = ["Request"]

_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
_ORGANIZATION_ID = re.compile(r"o-[a-z0-9]{10,32}")
_PARTITION = re.compile(r"aws(-[a-z]+){0,3}")
_PRINCIPAL = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):(?:role|user)/[^\s\"\\$]+", re.ASCII)
_SESSION = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.+", re.ASCII
)
_MEANS_MORE = frozenset("*?$\"'\\")
"""What a policy, a template or a shell would not take as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The names and conditions of one organization's permissions.

    `collector_principal` is the ARN of the role or user that runs the program (`*` may stand for parts of it);
    without it every principal of `collector_account` that is allowed to may assume the member role.
    `session_duration` is in seconds.
    """

    role_name: str = "MacieInventoryReader"
    external_id: str | None = field(default=None, repr=False)
    collector_account: str | None = None
    collector_principal: str | None = None
    organization_id: str | None = None
    partition: str = "aws"
    session_duration: int = 3600
    organization: bool = True
    account_tags: bool = False

    def check(self) -> None:
        """Raise UsageError naming the option that is wrong."""
        if used := _MEANS_MORE & set(self.role_name):
            raise UsageError(
                f"--role-name {self.role_name!r}: a policy cannot carry {min(used)} as it stands; name another role"
            )
        if not _PARTITION.fullmatch(self.partition):
            raise UsageError(f"--partition {self.partition!r} is no partition, such as aws or aws-us-gov")
        if self.collector_account is not None and not _ACCOUNT_ID.fullmatch(self.collector_account):
            raise UsageError(f"--collector-account {self.collector_account!r} is no account id: 12 digits are needed")
        if self.organization_id is not None and not _ORGANIZATION_ID.fullmatch(self.organization_id):
            raise UsageError(
                f"--organization-id {self.organization_id!r} is no organization id, such as o-a1b2c3d4e5; "
                "`aws organizations describe-organization` shows it"
            )
        if self.collector_principal is not None:
            self._check_principal(self.collector_principal)

    def _check_principal(self, arn: str) -> None:
        if session := _SESSION.fullmatch(arn):
            role = f"arn:{session['partition']}:iam::{session['account']}:role/{session['role']}"
            raise UsageError(f"--collector-principal {arn} is a session; name its role, such as {role}")
        principal = _PRINCIPAL.fullmatch(arn)
        if principal is None:
            raise UsageError(f"--collector-principal {arn!r} is no ARN of an IAM role or user")
        if principal["partition"] != self.partition:
            raise UsageError(f"--collector-principal {arn} is not in partition {self.partition}; see --partition")
        if self.collector_account not in (None, principal["account"]):
            raise UsageError(
                f"--collector-principal {arn} is not in --collector-account {self.collector_account}; drop one of them"
            )

    @property
    def collector(self) -> str | None:
        """The account that runs the program; None when it is not known."""
        return self.collector_principal.split(":")[4] if self.collector_principal else self.collector_account

    @property
    def name(self) -> str:
        """The member role's name without its path."""
        return self.role_name.rpartition("/")[2]

    @property
    def path(self) -> str:
        """The member role's path: `/`, or one that begins and ends with it."""
        parent = self.role_name.rpartition("/")[0].strip("/")
        return f"/{parent}/" if parent else "/"

    @property
    def features(self) -> frozenset[Feature]:
        """What the permissions are for."""
        wanted = {Feature.LISTING, Feature.MEMBERS}
        if self.organization:
            wanted.add(Feature.ORGANIZATION)
        if self.account_tags:
            wanted.add(Feature.ACCOUNT_TAGS)
        return frozenset(wanted)
