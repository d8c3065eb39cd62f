"""Targets: what counts as reached, and how ratios are taken."""

from __future__ import annotations

import pytest
from bench.comparison import Turn, verdicts
from bench.figures import Figure, Target, shown


@pytest.mark.parametrize(
    ("target", "value", "reached"),
    [
        (Target("a ratio", 0.8), 0.8, True),
        (Target("a ratio", 0.8), 0.79, False),
        (Target("a wait", 8, at_most=True, unit="ms"), 8, True),
        (Target("a wait", 8, at_most=True, unit="ms"), 8.1, False),
        (Target("never", 0, at_most=True), 1, False),
    ],
)
def test_a_target_is_reached_at_its_bound(*, target: Target, value: float, reached: bool) -> None:
    """The bound itself is good enough, and what is beyond it on the wrong side is not."""
    assert target.over([value]).reached is reached


def test_the_median_of_the_rounds_counts() -> None:
    """One bad round of three changes nothing but the spread."""
    verdict = Target("a ratio", 1).over([0.2, 1.1, 1.3])
    assert verdict.reached
    assert verdict.value == Figure(1.1, 0.2, 1.3)


def test_a_ratio_is_taken_within_each_round() -> None:
    """A round in which everything was slow has the same ratio as a fast one."""
    turns = [
        Turn(1, "fairlead", 0, 0, {"drain": 40}),
        Turn(1, "raw", 0, 0, {"drain": 50}),
        Turn(2, "fairlead", 0, 0, {"drain": 8}),
        Turn(2, "raw", 0, 0, {"drain": 10}),
    ]
    (verdict,) = verdicts(turns)
    assert verdict.target.title == "drain / raw"
    assert verdict.value == Figure(0.8, 0.8, 0.8)


def test_coalesced_enqueues_are_held_against_the_peer_s_single_ones() -> None:
    """No peer coalesces, so its single enqueue is the other side."""
    turns = [Turn(1, "fairlead", 0, 0, {"coalesced": 50}), Turn(1, "pgqueuer", 0, 0, {"single": 4})]
    (verdict,) = verdicts(turns)
    assert (verdict.target.title, verdict.value.median) == ("coalesced / pgqueuer single", 12.5)


def test_what_was_not_measured_has_no_line() -> None:
    """A contender that is missing leaves no ratio behind, not a wrong one."""
    assert verdicts([Turn(1, "fairlead", 0, 0, {"drain": 40})]) == []


def test_the_spread_is_shown_where_there_is_one() -> None:
    """One round has no spread to show."""
    assert shown(Figure(1.5, 1.5, 1.5)) == "1.50"
    assert shown(Figure(1500, 1000, 2000)) == "1,500 [1,000 to 2,000]"
