"""Which credentials sign for an account: its own role's, assumed once, or the caller's."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
from aiobotocore.credentials import AioCredentials

from macie_inventory.aws.failures import CallError
from macie_inventory.aws.retry import Tally, repeat
from macie_inventory.aws.transport import signing_credentials
from macie_inventory.errors import CredentialsError
from macie_inventory.model import Outcome
from macie_inventory.outcome import EXPIRY_CODES, Action, Failure, Kind, Phase, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiolimiter import AsyncLimiter

    from macie_inventory.aws.slots import Slot
    from macie_inventory.backoff import RetryPolicy
    from macie_inventory.config import RoleSettings

__all__ = ["Grant", "Identity", "NoGrantError", "Vault", "signing_as"]

LONGEST_MARGIN = 300.0
"""Seconds before their announced end at which credentials are no longer used for a new call."""

BASE_REFUSED = EXPIRY_CODES | {"InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who runs the program."""

    account_id: str
    arn: str
    partition: str
    credentials: AioCredentials = field(repr=False)


@dataclass(eq=False, slots=True)
class Grant:
    """Credentials that sign for one account; `worked` once the service has accepted them."""

    credentials: AioCredentials = field(repr=False)
    usable_until: float
    worked: bool = False


class NoGrantError(Exception):
    """There are no credentials for this account, and why."""

    def __init__(self, failure: Failure, outcome: Outcome) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.outcome = outcome


@contextmanager
def signing_as(credentials: AioCredentials) -> Iterator[None]:
    """Sign every call within the block with these credentials."""
    token = signing_credentials.set(credentials)
    try:
        yield
    finally:
        signing_credentials.reset(token)


@dataclass(slots=True)
class _Entry:
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    grant: Grant | None = None
    refusal: NoGrantError | None = None


class Vault:
    """Gives each account's credentials: one AssumeRole per account and lifetime, however many targets ask at once."""

    def __init__(
        self, *, sts: Any, identity: Identity, role: RoleSettings, limiter: AsyncLimiter, policy: RetryPolicy  # noqa: ANN401
    ) -> None:
        self._sts = sts
        self._identity = identity
        self._role = role
        self._limiter = limiter
        self._policy = policy
        self._entries: dict[str, _Entry] = {}
        self._own = Grant(identity.credentials, usable_until=float("inf"))
        self.tally = Tally()

    async def grant(self, account_id: str, slot: Slot, *, refused: Grant | None = None) -> Grant:
        """Give credentials for an account, other than those that were refused.

        Raises NoGrantError when its role cannot be assumed (asked once per run, unless the reason may pass), and
        CredentialsError when the caller's own credentials are refused, which ends the run.
        """
        if account_id == self._identity.account_id and not self._role.assume_own_account:
            return self._own  # the SDK renews what stands behind it
        entry = self._entries.setdefault(account_id, _Entry())
        if (known := self._known(entry, refused)) is not None:
            return known
        await _acquire(entry.lock, slot)
        try:
            if (known := self._known(entry, refused)) is not None:
                return known
            entry.grant = await self._assume(account_id, slot)
        except NoGrantError as refusal:
            entry.refusal = refusal
            raise
        else:
            return entry.grant
        finally:
            entry.lock.release()

    async def vouches_for(self, grant: Grant) -> bool:
        """Ask STS whether it knows these credentials; True also when STS cannot be asked."""
        with signing_as(grant.credentials):
            try:
                await repeat(self._sts.get_caller_identity, Phase.ASSUME, self._policy, self.tally)
            except CallError as error:
                return error.failure.kind is not Kind.RESPONSE
        return True

    def _known(self, entry: _Entry, refused: Grant | None) -> Grant | None:
        if entry.refusal is not None:
            raise entry.refusal
        grant = entry.grant
        if grant is None or grant is refused or anyio.current_time() >= grant.usable_until:
            return None
        return grant

    async def _assume(self, account_id: str, slot: Slot) -> Grant:
        try:
            response = await repeat(
                lambda: self._send_assume_role(account_id), Phase.ASSUME, self._policy, self.tally, slot
            )
        except CallError as error:
            raise self._refusal(error.failure, account_id) from None
        self._check_account(response, account_id)
        keys = response["Credentials"]
        lifetime = (keys["Expiration"] - datetime.now(UTC)).total_seconds()
        # Announced as over already: the clocks differ, so only the service can say when they end.
        margin = min(LONGEST_MARGIN, lifetime / 5) if lifetime > 0 else float("-inf")
        credentials = AioCredentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        return Grant(credentials, usable_until=anyio.current_time() + lifetime - margin)

    async def _send_assume_role(self, account_id: str) -> dict[str, Any]:
        parameters = {
            "RoleArn": self._role.arn(self._identity.partition, account_id),
            "RoleSessionName": self._role.session_name,
            "DurationSeconds": self._role.session_duration,
        }
        if self._role.external_id is not None:
            parameters["ExternalId"] = self._role.external_id.get_secret_value()
        async with self._limiter:
            with signing_as(self._identity.credentials):
                response: dict[str, Any] = await self._sts.assume_role(**parameters)
        if not isinstance(response.get("Credentials"), dict) or "Expiration" not in response["Credentials"]:
            failure = Failure(phase=Phase.ASSUME, kind=Kind.NOT_A_LISTING, code="NoCredentials", message="no credentials")
            raise CallError(failure)
        return response

    def _refusal(self, failure: Failure, account_id: str) -> NoGrantError:
        if failure.kind is Kind.LOCAL or failure.code in BASE_REFUSED:
            raise CredentialsError(
                f"the credentials that run the program are refused ({failure.code}: {failure.message}); renew them"
            )
        arn = self._role.arn(self._identity.partition, account_id)
        verdict = judge(failure)
        hint = ""
        if verdict.outcome is Outcome.ROLE_DENIED:
            hint = f" - does the role exist, and does its trust policy name {self._identity.arn}?"
        message = f"cannot assume {arn}: {failure.code or failure.status}: {failure.message}{hint}"
        outcome = Outcome.FAILED if verdict.action is Action.RENEW else verdict.outcome
        return NoGrantError(_with_message(failure, message), outcome)

    def _check_account(self, response: dict[str, Any], account_id: str) -> None:
        arn = str((response.get("AssumedRoleUser") or {}).get("Arn", ""))
        parts = arn.split(":")
        if len(parts) < 6 or parts[4] != account_id:  # noqa: PLR2004 - arn:partition:sts::account:resource
            failure = Failure(
                phase=Phase.ASSUME,
                kind=Kind.LOCAL,
                code="AccountMismatch",
                message=f"assuming a role of {account_id} gave the identity {arn or 'of nobody'}; nothing was read with it",
            )
            raise NoGrantError(failure, Outcome.FAILED)


def _with_message(failure: Failure, message: str) -> Failure:
    return Failure(
        phase=failure.phase,
        kind=failure.kind,
        code=failure.code,
        message=message,
        status=failure.status,
        request_id=failure.request_id,
    )


async def _acquire(lock: anyio.Lock, slot: Slot) -> None:
    try:
        lock.acquire_nowait()
    except anyio.WouldBlock:
        async with slot.released():
            await lock.acquire()
