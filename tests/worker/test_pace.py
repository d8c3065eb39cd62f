from __future__ import annotations

import pytest

from fairlead.worker.pace import MOST_AHEAD, Pace


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
