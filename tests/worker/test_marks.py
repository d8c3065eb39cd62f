from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.held import make_held

from fairlead.domain.limits import PRIORITY
from fairlead.worker.marks import LONGEST_SECONDS, PRIORITIES_KEPT, QUICK_SECONDS, SHARE, Marks, Sweeps

_CLAIMED = st.lists(st.tuples(st.integers(-PRIORITY, PRIORITY) | st.integers(-3, 3), st.integers(1, 99)), max_size=40)
_PLACES = st.tuples(st.integers(-PRIORITY, PRIORITY) | st.integers(-3, 3), st.integers(1, 100))


def _marked(claimed: list[tuple[int, int]]) -> Marks:
    marks = Marks()
    for priority, seq in claimed:
        marks.note(make_held(priority=priority, seq=seq).claimed)
    return marks


@settings(deadline=None)
@given(_CLAIMED, _PLACES)
def test_the_walks_leave_out_what_is_below_a_mark(claimed: list[tuple[int, int]], place: tuple[int, int]) -> None:
    """Everything above the marks, and of a priority without one, is in just one walk; what was passed is in none."""
    priority, seq = place
    walks = _marked(claimed).walks()
    kept = list(dict.fromkeys(reversed([given for given, _ in claimed])))
    mark = max((at for given, at in claimed if given == priority), default=0)
    within = [walk for walk in walks if walk.lowest <= priority <= walk.highest and seq > walk.above]

    if seq > mark:
        assert len(within) == 1
    elif len(set(kept)) <= PRIORITIES_KEPT:
        assert within == []
    assert all(walk.highest >= walk.lowest for walk in walks)
    assert [walk.highest for walk in walks] == sorted((walk.highest for walk in walks), reverse=True)


def test_only_some_priorities_are_kept() -> None:
    """However many priorities are claimed, the walks stay few."""
    assert len(_marked([(priority, 1) for priority in range(0, 1000, 10)]).walks()) == 2 * PRIORITIES_KEPT + 1


def test_quick_sweeps_cost_nothing() -> None:
    """A sweep that takes no longer than a claim does may be followed by another at once."""
    sweeps = Sweeps()
    sweeps.swept(100.0, 100.0 + QUICK_SECONDS)

    assert sweeps.next <= 100.0 + QUICK_SECONDS


def test_slow_sweeps_are_rare() -> None:
    """What a sweep takes beyond twice a usual claim is never more than its share of the time until the next."""
    sweeps = Sweeps()
    for _ in range(100):
        sweeps.claimed(99.0, 99.1)
    sweeps.swept(100.0, 100.4)
    assert sweeps.next == pytest.approx(100.4 + (0.4 - 0.2) / SHARE)
    sweeps.swept(200.0, 260.0)
    assert sweeps.next == 260.0 + LONGEST_SECONDS  # it has waited, most likely
