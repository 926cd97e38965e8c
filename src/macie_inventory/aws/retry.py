"""The one retry policy, at work: repeats a call while that can help, and counts what was sent."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from macie_inventory.aws.failures import CallError, translate
from macie_inventory.aws.slots import NO_SLOT
from macie_inventory.outcome import Action, judge
from macie_inventory.telemetry import current_telemetry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from macie_inventory.aws.slots import Slot
    from macie_inventory.backoff import RetryPolicy
    from macie_inventory.outcome import Failure, Phase

__all__ = ["Patience", "Tally", "call", "repeat"]

T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What was sent, counted as the server counts it."""

    calls: int = 0
    retries: int = 0
    throttles: int = 0


@dataclass(slots=True)
class Patience:
    """The spent budget of one call: how often it failed, and since when it is being tried."""

    policy: RetryPolicy
    since: float = field(default_factory=monotonic)
    failures: int = 0

    def wait_after(self, failure: Failure, *, at_least: float = 0.0) -> float | None:
        """Take in a failure; give the seconds until the next try, or None when the budget is spent."""
        self.failures += 1
        return self.policy.delay(
            self.failures,
            fraction=random.random(),  # noqa: S311 - jitter, not cryptography
            elapsed=monotonic() - self.since,
            retry_after=failure.retry_after,
            at_least=at_least,
        )


async def call(operation: Callable[[], Awaitable[T]], phase: Phase, tally: Tally, *, name: str) -> T:
    """Send one request, named as `sts.AssumeRole` is; raises CallError with the failure as a value."""
    tally.calls += 1
    with current_telemetry.get().call(name):
        try:
            return await operation()
        except CallError as error:
            tally.throttles += error.failure.throttled
            raise
        except Exception as error:
            failure = translate(error, phase)
            tally.throttles += failure.throttled
            raise CallError(failure) from error


async def repeat(
    operation: Callable[[], Awaitable[T]],
    phase: Phase,
    policy: RetryPolicy,
    tally: Tally,
    slot: Slot = NO_SLOT,
    *,
    name: str,
) -> T:
    """Send a request until it is answered, fails for good (CallError), or the policy's budget is spent (CallError)."""
    patience = Patience(policy)
    while True:
        try:
            return await call(operation, phase, tally, name=name)
        except CallError as error:
            wait = patience.wait_after(error.failure)
            if judge(error.failure).action is not Action.RETRY or wait is None:
                raise
            tally.retries += 1
            await slot.sleep(wait)
