"""Rate limits of the calls that AWS charges to the caller: STS and Organizations."""

from __future__ import annotations

from aiolimiter import AsyncLimiter

__all__ = ["OrganizationsLimits", "sts_limiter"]

_ORGANIZATIONS_QUOTAS = {
    "ListAccounts": (8, 12),
    "ListAccountsForParent": (5, 8),
    "ListOrganizationalUnitsForParent": (5, 8),
    "ListTagsForResource": (10, 15),
    "DescribeOrganization": (1, 2),
    "ListRoots": (1, 2),
}
"""Calls per second and burst; https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html"""


def sts_limiter(calls_per_second: float) -> AsyncLimiter:
    """Limit AssumeRole; AWS allows the calling account 600 per second and region."""
    return AsyncLimiter(calls_per_second, 1.0)


class OrganizationsLimits:
    """One limiter per Organizations operation, each a share of its published quota."""

    def __init__(self, share: float) -> None:
        self._limiters = {
            operation: AsyncLimiter(max(1.0, burst * share), max(1.0, burst * share) / (rate * share))
            for operation, (rate, burst) in _ORGANIZATIONS_QUOTAS.items()
        }

    def of(self, operation: str) -> AsyncLimiter:
        """Give the limiter of one operation."""
        return self._limiters[operation]
