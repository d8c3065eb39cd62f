from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.domain.retry import BACKOFF_POLICIES, Backoff, delay_seconds

_SECONDS = st.floats(min_value=0, max_value=1e6)
_BACKOFFS = st.builds(
    Backoff,
    policy=st.sampled_from(BACKOFF_POLICIES),
    base_seconds=_SECONDS,
    factor=st.floats(min_value=1, max_value=100),
    cap_seconds=_SECONDS,
    jitter=st.booleans(),
)
_PLAIN = _BACKOFFS.filter(lambda backoff: not backoff.jitter)
_CHANCES = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(_BACKOFFS, st.integers(min_value=-5, max_value=10**6), _CHANCES)
def test_a_delay_is_between_nothing_and_the_cap(backoff: Backoff, attempt: int, chance: float) -> None:
    """Whatever the back-off, the attempt and the chance, the wait is neither negative nor beyond the cap."""
    assert 0 <= delay_seconds(backoff, attempt, chance=chance) <= backoff.cap_seconds


@given(_PLAIN, st.integers(min_value=1, max_value=2000), _CHANCES)
def test_without_jitter_a_delay_never_shrinks(backoff: Backoff, attempt: int, chance: float) -> None:
    """Without jitter a later attempt waits at least as long as an earlier one, and chance has no say."""
    first, second = (delay_seconds(backoff, number, chance=chance) for number in (attempt, attempt + 1))
    assert first <= second
    assert first == delay_seconds(backoff, attempt, chance=0)


@given(_BACKOFFS, st.integers(min_value=1, max_value=2000), _CHANCES)
def test_jitter_spreads_over_the_whole_bound(backoff: Backoff, attempt: int, chance: float) -> None:
    """With jitter the wait is the chance's part of what it would be without."""
    plain = Backoff(backoff.policy, backoff.base_seconds, backoff.factor, backoff.cap_seconds, jitter=False)
    drawn = Backoff(backoff.policy, backoff.base_seconds, backoff.factor, backoff.cap_seconds, jitter=True)
    bound = delay_seconds(plain, attempt, chance=0)
    assert delay_seconds(drawn, attempt, chance=chance) == bound * chance


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        (Backoff("exponential", 1, 2, 100, jitter=False), [1, 2, 4, 8, 16, 32, 64, 100, 100]),
        (Backoff("exponential", 5, 1, 100, jitter=False), [5, 5, 5]),
        (Backoff("linear", 10, 2, 35, jitter=False), [10, 20, 30, 35, 35]),
        (Backoff("fixed", 7, 2, 100, jitter=False), [7, 7, 7]),
        (Backoff("fixed", 7, 2, 3, jitter=False), [3, 3]),
    ],
    ids=["exponential", "factor one", "linear", "fixed", "fixed above the cap"],
)
def test_a_policy_gives_its_series(backoff: Backoff, delays: list[float]) -> None:
    """Each policy counts from the first attempt as its name says, up to the cap."""
    assert [delay_seconds(backoff, number, chance=0.5) for number in range(1, len(delays) + 1)] == delays


def test_an_exponent_beyond_floats_is_the_cap() -> None:
    """An attempt so late that the exponential overflows waits for the cap instead of failing."""
    backoff = Backoff("exponential", 1.0, 100.0, 3600.0, jitter=False)
    assert delay_seconds(backoff, 10**6, chance=0) == 3600
    series = [delay_seconds(backoff, number, chance=0) for number in range(1, 400)]
    assert all(first <= second for first, second in pairwise(series))


def test_nothing_times_an_overflow_is_nothing() -> None:
    """A back-off with base 0 always waits 0, even at an attempt whose exponential overflows."""
    backoff = Backoff("exponential", 0.0, 100.0, 3600.0, jitter=False)
    assert [delay_seconds(backoff, number, chance=0) for number in (1, 10, 100, 10**6)] == [0, 0, 0, 0]


def test_an_attempt_before_the_first_counts_as_the_first() -> None:
    """Attempt 0, of an item whose attempt was given back, waits like attempt 1."""
    backoff = Backoff("linear", 10, 2, 100, jitter=False)
    assert delay_seconds(backoff, 0, chance=0) == delay_seconds(backoff, 1, chance=0) == 10
