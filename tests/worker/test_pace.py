from __future__ import annotations

import pytest

from fairlead.worker.pace import CLAIM_SECONDS, LEAST_A_CLAIM, MOST_A_CLAIM, MOST_AHEAD, Pace


def test_the_pace_bounds_what_is_claimed_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has finished nothing claims nothing ahead; then about a second's work, and never over the limit."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    pace = Pace()
    assert pace.ahead() == 0
    ahead = []
    for _ in range(20):
        now += 1
        pace.finished(500)
        ahead.append(pace.ahead())

    assert ahead == sorted(ahead)
    assert ahead[-1] == pytest.approx(500, abs=2)
    for _ in range(20):
        now += 1
        pace.finished(10**6)
    assert pace.ahead() == MOST_AHEAD
    for _ in range(40):
        now += 1
        pace.finished(0)
    assert pace.ahead() == 0


def test_a_claim_is_as_large_as_is_quick() -> None:
    """Large claims become smaller where they take long, to a bound, and large again; small ones tell nothing."""
    pace = Pace()
    assert pace.most_a_claim() == MOST_A_CLAIM
    pace.claimed(1, seconds=10)
    assert pace.most_a_claim() == MOST_A_CLAIM
    for _ in range(40):
        pace.claimed(MOST_A_CLAIM, seconds=CLAIM_SECONDS * 1.25)
    assert pace.most_a_claim() == pytest.approx(400, abs=5)
    for _ in range(40):
        pace.claimed(400, seconds=1)
    assert pace.most_a_claim() == LEAST_A_CLAIM
    for _ in range(60):
        pace.claimed(LEAST_A_CLAIM, seconds=0.001)
    assert pace.most_a_claim() == MOST_A_CLAIM
