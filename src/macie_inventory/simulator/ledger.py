"""What the simulator has seen: calls by service, operation, account and region, and how they ended."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ending(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"  # with a result, right in form and content (but see `twisted`)
    TWISTED = "twisted"  # with a result in which a fault shows (its tokens, its jobs, its credentials)
    DELAYED = "delayed"  # with a result, late
    REFUSED = "refused"  # with the error that the world asks for
    THROTTLED = "throttled"  # with a throttling error
    FAULTED = "faulted"  # with any other fault of the plan


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CallKey:
    """A call as the ledger counts it; the account is the one that the call is about ("" when not authentic)."""

    service: str
    operation: str
    account_id: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Whose access key signed a call."""

    access_key: str
    account_id: str
    call: CallKey


class Ledger:
    """Counters of calls. `record_signers` keeps the signer of every call (memory grows with the calls)."""

    def __init__(self, *, record_signers: bool = False) -> None:
        self.record_signers = record_signers
        self._under_way: Counter[tuple[str, str]] = Counter()
        self._calls = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but the calls that are under way."""
        self.received: Counter[CallKey] = Counter()
        self.endings: Counter[tuple[CallKey, Ending]] = Counter()
        self.codes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.signers: list[Signature] = []
        self.peak_by_target: dict[tuple[str, str], int] = {}
        self.peak = 0

    @contextmanager
    def call(self, key: CallKey) -> Iterator[None]:
        """Count a call and, for Macie, how many are under way at once: of its target (`peak_by_target`), of all (`peak`)."""
        self.received[key] += 1
        target = (key.account_id, key.region)
        counts = key.service == "macie2"
        if counts:
            self._under_way[target] += 1
            here = self._under_way[target]
            if here > self.peak_by_target.get(target, 0):
                self.peak_by_target[target] = here
            self._calls += 1
            self.peak = max(self.peak, self._calls)
        try:
            yield
        finally:
            if counts:
                self._calls -= 1
                self._under_way[target] -= 1
                if not self._under_way[target]:
                    del self._under_way[target]

    def ended(self, key: CallKey, ending: Ending, *, code: str | None = None, fault: str | None = None) -> None:
        """Note how a call ended: the error code that was answered, the fault that struck."""
        self.endings[key, ending] += 1
        if code is not None:
            self.codes[code] += 1
        if fault is not None:
            self.faults[fault] += 1

    def signed(self, key: CallKey, access_key: str, account_id: str) -> None:
        """Note who signed a call, if that is wanted."""
        if self.record_signers:
            self.signers.append(Signature(access_key=access_key, account_id=account_id, call=key))

    def count(
        self,
        *,
        service: str | None = None,
        operation: str | None = None,
        account_id: str | None = None,
        region: str | None = None,
        ending: Ending | None = None,
    ) -> int:
        """Return the number of calls received (or that ended in one way) that match what is given."""

        def fits(key: CallKey) -> bool:
            return (
                (service is None or key.service == service)
                and (operation is None or key.operation == operation)
                and (account_id is None or key.account_id == account_id)
                and (region is None or key.region == region)
            )

        if ending is None:
            return sum(number for key, number in list(self.received.items()) if fits(key))
        return sum(number for (key, end), number in list(self.endings.items()) if end is ending and fits(key))

    @property
    def under_way(self) -> int:
        """The number of Macie calls that are being answered at this moment."""
        return self._calls

    @property
    def throttled(self) -> int:
        """The number of calls that were throttled."""
        return self.count(ending=Ending.THROTTLED)

    @property
    def faulted(self) -> int:
        """The number of calls that met any other fault."""
        return self.count(ending=Ending.FAULTED)

    @property
    def total(self) -> int:
        """The number of calls received."""
        return self.received.total()
