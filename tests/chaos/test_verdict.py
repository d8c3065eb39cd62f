from __future__ import annotations

import pytest
from chaos.verdict import Tally, Verdict, Violation, bound_of


def _verdict(n: int, *violations: Violation) -> Verdict:
    return Verdict("F01", "workers are killed", 7, 1.0, Tally(n, "kills"), 10, list(violations))


def test_a_verdict_says_how_often_and_how_sure() -> None:
    """The line of a fault has its number, its n, the bound that follows, and the seed."""
    line = _verdict(300).line()
    assert line.startswith("F01 ok")
    assert "n=300 kills" in line
    assert "at most 0.01 (95 %)" in line
    assert "seed 7" in line


def test_a_violation_fails_a_fault() -> None:
    """A fault with a violation has failed and claims no bound."""
    verdict = _verdict(300, Violation("I1", "an item is gone"))
    assert not verdict.held
    assert "FAILED" in verdict.line()
    assert "95 %" not in verdict.line()
    assert verdict.as_json()["violations"] == ["I1: an item is gone"]


def test_a_fault_that_was_never_tried_proves_nothing() -> None:
    """Without a single try nothing has held."""
    assert not _verdict(0).held


@pytest.mark.parametrize(("n", "bound"), [(1, 1.0), (3, 1.0), (30, 0.1), (3000, 0.001)])
def test_the_bound_is_the_rule_of_three(n: int, bound: float) -> None:
    """Of 0 in n the 95 % interval ends at 3/n."""
    assert bound_of(n) == pytest.approx(bound)
