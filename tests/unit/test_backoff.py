"""Back-off: bounds, jitter, `Retry-After` and the budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macie_inventory.backoff import Pace, RetryPolicy

policies = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 30),
    base_delay=st.floats(0.001, 5.0),
    max_delay=st.floats(0.001, 60.0),
    max_time=st.floats(0.1, 1000.0),
)
fractions = st.floats(0.0, 1.0, exclude_max=True)


@given(policies, st.integers(1, 10_000))
def test_the_ceiling_doubles_until_the_longest_delay(policy: RetryPolicy, failures: int) -> None:
    """Each failure doubles the ceiling, which never passes the longest delay, however many failures there were."""
    ceiling = policy.ceiling(failures)
    assert 0 < ceiling <= policy.max_delay
    assert policy.ceiling(1) == min(policy.base_delay, policy.max_delay)
    assert policy.ceiling(failures + 1) == pytest.approx(min(policy.max_delay, ceiling * 2)) or failures > 64


@given(policies, st.integers(1, 40), fractions, st.floats(0.0, 500.0))
def test_full_jitter_stays_between_zero_and_the_ceiling(
    policy: RetryPolicy, failures: int, fraction: float, elapsed: float
) -> None:
    """A delay is the fraction of the ceiling, so that the whole range down to zero is used."""
    delay = policy.delay(failures, fraction=fraction, elapsed=elapsed)
    if delay is not None:
        assert delay == policy.ceiling(failures) * fraction
        assert 0 <= delay < policy.ceiling(failures) or fraction == 0


@given(policies, fractions, st.floats(0.0, 2000.0), st.none() | st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_the_budget_ends_by_attempts_and_by_time(
    policy: RetryPolicy, fraction: float, elapsed: float, retry_after: float | None, at_least: float
) -> None:
    """No try follows the last attempt, and none begins after the longest time."""
    spent = policy.delay(policy.attempts, fraction=fraction, elapsed=0.0, retry_after=retry_after, at_least=at_least)
    assert spent is None
    delay = policy.delay(1, fraction=fraction, elapsed=elapsed, retry_after=retry_after, at_least=at_least)
    if policy.attempts == 1:
        assert delay is None
    elif delay is not None:
        assert elapsed + delay <= policy.max_time
    else:
        unbounded = RetryPolicy(
            attempts=policy.attempts,
            base_delay=policy.base_delay,
            max_delay=policy.max_delay,
            max_time=float("inf"),
        )
        wanted = unbounded.delay(1, fraction=fraction, elapsed=elapsed, retry_after=retry_after, at_least=at_least)
        assert wanted is not None
        assert elapsed + wanted > policy.max_time


@given(policies, st.integers(1, 20), fractions, st.floats(0.0, 300.0))
def test_retry_after_is_never_undercut(policy: RetryPolicy, failures: int, fraction: float, retry_after: float) -> None:
    """The service gets at least the pause it asked for, even beyond the longest delay, and a little jitter on top."""
    delay = policy.delay(failures, fraction=fraction, elapsed=0.0, retry_after=retry_after)
    if delay is not None:
        assert delay >= retry_after
        assert delay <= max(policy.ceiling(failures), retry_after + policy.base_delay)


def test_those_told_the_same_moment_return_at_different_ones() -> None:
    """Two callers with the same `Retry-After` and different random numbers do not wait equally long."""
    policy = RetryPolicy()
    first = policy.delay(1, fraction=0.1, elapsed=0.0, retry_after=10.0)
    second = policy.delay(1, fraction=0.9, elapsed=0.0, retry_after=10.0)
    assert first == pytest.approx(10.02)
    assert second == pytest.approx(10.18)


@pytest.mark.parametrize("retry_after", [1e9, float("inf")])
def test_a_pause_beyond_the_budget_ends_the_call(retry_after: float) -> None:
    """A `Retry-After` that the budget does not hold is no reason to wait for it."""
    assert RetryPolicy().delay(1, fraction=0.5, elapsed=0.0, retry_after=retry_after) is None


@given(policies, fractions, st.floats(0.0, 100.0))
def test_a_known_pace_is_kept_up_to_the_longest_delay(policy: RetryPolicy, fraction: float, at_least: float) -> None:
    """A pace that is known to be needed is a lower bound, as long as the longest delay allows it."""
    delay = policy.delay(1, fraction=fraction, elapsed=0.0, at_least=at_least)
    if delay is not None:
        assert delay >= min(at_least, policy.max_delay)
        assert delay <= policy.max_delay


@given(st.lists(st.floats(0.0, 100.0), min_size=1))
def test_a_pace_learns_the_longest_period(periods: list[float]) -> None:
    """The interval is the longest that was seen to be needed, in whatever order it was seen."""
    pace = Pace()
    for period in periods:
        pace = pace.learned(period)
    assert pace.interval == max(periods)


@given(st.floats(0.0, 100.0))
def test_a_pace_eases_to_nothing(interval: float) -> None:
    """Answers without a refusal shorten the interval each time, and in the end to zero."""
    pace = Pace(interval=interval)
    for _ in range(400):
        eased = pace.eased()
        assert eased.interval < pace.interval or eased.interval == 0
        pace = eased
    assert pace.interval == 0
