"""AWS Security Token Service: AssumeRole and GetCallerIdentity.

Source: AWS STS API reference, version 2011-06-15.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from macie_inventory.simulator.api import ApiError, Call, Result
from macie_inventory.simulator.faults import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from macie_inventory.simulator.credentials import Vault
    from macie_inventory.simulator.world import World

_ROLE = re.compile(
    r"arn:(?P<partition>[\w-]+):iam::(?P<account>\d{12}):role/(?:[\x21-\x7e]*/)?(?P<name>[\w+=,.@-]{1,64})"
)
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_DURATION = range(900, 43_201)
_CHAINED = 3600


def account_of_role(call_params: object) -> str | None:
    """Return the account id in a role's ARN, None when it is no such ARN."""
    found = _ROLE.fullmatch(str(call_params))
    return found["account"] if found else None


class Sts:
    """The service of one world; `clock` gives seconds since 1970."""

    def __init__(self, world: World, vault: Vault, clock: Callable[[], float]) -> None:
        self._world = world
        self._vault = vault
        self._clock = clock

    def handle(self, call: Call, fault: Fault | None) -> Result:
        """Answer a call; ApiError when it is refused."""
        if call.operation == "GetCallerIdentity":
            signer = call.signer
            return {"UserId": signer.user_id, "Account": signer.account_id, "Arn": signer.arn}
        if call.operation == "AssumeRole":
            return self._assume_role(call, fault)
        raise ApiError(400, "InvalidAction", f"The simulator does not offer {call.action}.")

    def _assume_role(self, call: Call, fault: Fault | None) -> Result:
        role_arn, session_name, duration = self._checked(call)
        self._authorize(call, role_arn)
        found = _ROLE.fullmatch(role_arn)
        account_id, name = (found["account"], found["name"]) if found else ("", "")
        if fault and fault.kind is FaultKind.WRONG_ACCOUNT:
            account_id = next(other for other in self._world.accounts if other != account_id)
        arn = f"arn:{self._world.partition}:sts::{account_id}:assumed-role/{name}/{session_name}"
        lifetime = duration if self._world.credential_lifetime is None else self._world.credential_lifetime
        now = self._clock()
        ends_early = fault is not None and fault.kind is FaultKind.EARLY_EXPIRY
        real = fault.seconds or 0.0 if fault and ends_early else lifetime
        minted = self._vault.mint(account_id=account_id, arn=arn, session_name=session_name, expires_at=now + real)
        expiration = datetime.fromtimestamp(now + lifetime, UTC)
        return {
            "AssumedRoleUser": {"AssumedRoleId": minted.user_id, "Arn": arn},
            "Credentials": {
                "AccessKeyId": minted.access_key,
                "SecretAccessKey": minted.secret_key,
                "SessionToken": minted.token,
                "Expiration": f"{expiration:%Y-%m-%dT%H:%M:%SZ}",
            },
        }

    def _checked(self, call: Call) -> tuple[str, str, int]:
        params = call.params
        role_arn = _required(params.get("RoleArn"), "roleArn")
        session_name = _required(params.get("RoleSessionName"), "roleSessionName")
        if not _ROLE.fullmatch(role_arn):
            raise ApiError(400, "ValidationError", f"{role_arn} is invalid")
        if not _SESSION_NAME.fullmatch(session_name):
            raise _invalid(session_name, "roleSessionName", r"satisfy regular expression pattern: [\w+=,.@-]{2,64}")
        external_id = params.get("ExternalId")
        if external_id is not None and not _EXTERNAL_ID.fullmatch(str(external_id)):
            raise _invalid("***", "externalId", r"satisfy regular expression pattern: [\w+=,.@:\/-]{2,1224}")
        return role_arn, session_name, self._duration(call)

    def _duration(self, call: Call) -> int:
        text = str(call.params.get("DurationSeconds", _CHAINED))
        if not text.isascii() or not text.isdigit():
            raise ApiError(400, "ValidationError", f"durationSeconds {text!r} is not a number")
        duration = int(text)
        if duration not in _DURATION:
            words = "greater than or equal to 900" if duration < _DURATION.start else "less than or equal to 43200"
            raise _invalid(text, "durationSeconds", f"have value {words}")
        if call.signer.is_session and duration > _CHAINED:
            message = (
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
            )
            raise ApiError(400, "ValidationError", message)
        return duration

    def _authorize(self, call: Call, role_arn: str) -> None:
        world, account_id = self._world, call.account_id
        allowed = (
            world.is_active(account_id)
            and world.has_role(account_id, role_arn.rpartition("/")[2])
            and call.signer.account_id == world.caller_account_id
            and (world.external_id is None or call.params.get("ExternalId") == world.external_id)
        )
        if not allowed:
            message = f"User: {call.signer.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise ApiError(403, "AccessDenied", message)
        if int(str(call.params.get("DurationSeconds", 900))) > world.max_session_duration:
            message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            raise ApiError(400, "ValidationError", message)


def _required(value: object, name: str) -> str:
    if value is None:
        raise ApiError(
            400,
            "ValidationError",
            f"1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null",
        )
    return str(value)


def _invalid(value: str, name: str, constraint: str) -> ApiError:
    message = f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must"
    return ApiError(400, "ValidationError", f"{message} {constraint}")
