"""How long to wait before a repetition, and when to give up; pure arithmetic, no clock and no sleep.

Full jitter, as described in https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/: a random
moment between zero and a ceiling that doubles with every failure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Pace", "RetryPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """One call's budget: at most `attempts` tries, and no try begun after `max_time` seconds.

    Delays are in seconds. The ceiling of the first one is `base_delay`; none is longer than `max_delay`, except where
    the service asks for more with `Retry-After`.
    """

    attempts: int = 10
    base_delay: float = 0.2
    max_delay: float = 8.0
    max_time: float = 90.0

    def ceiling(self, failures: int) -> float:
        """Give the longest delay after this many failures (1 or more), in seconds."""
        return min(self.max_delay, self.base_delay * 2.0 ** min(failures - 1, 64))

    def delay(
        self,
        failures: int,
        *,
        fraction: float,
        elapsed: float,
        retry_after: float | None = None,
        at_least: float = 0.0,
    ) -> float | None:
        """Give the seconds to wait before the next try, or None when the budget is spent.

        `fraction` is a random number in [0, 1), `elapsed` the seconds since the first try, `retry_after` what the
        service asked for, `at_least` a pace that is already known to be needed.
        """
        if failures >= self.attempts:
            return None
        wait = max(self.ceiling(failures) * fraction, min(at_least, self.max_delay))
        if retry_after is not None:
            # The jitter comes on top, so that those who were told the same moment do not return in the same moment.
            wait = max(wait, retry_after + min(self.base_delay, retry_after) * fraction)
        return wait if elapsed + wait <= self.max_time else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a target has shown of its rate limit: the seconds that its calls should lie apart.

    Back-off alone pays for every page of a limited target with several refused calls. The time from the last answer
    to the first one after a refusal is an upper bound of the limit's period; calls that far apart are not refused.
    """

    interval: float = 0.0

    def learned(self, since_last_answer: float) -> Pace:
        """Take in that an answer came this many seconds after the one before, with refusals in between."""
        return replace(self, interval=max(self.interval, since_last_answer))

    def eased(self) -> Pace:
        """Take in an answer without a refusal: try a little faster."""
        interval = self.interval * 0.97
        return replace(self, interval=interval if interval > 0.01 else 0.0)  # noqa: PLR2004 - below it no limit shows
