from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fairlead.domain.cron import parsed
from fairlead.domain.schedules import GRACE_SECONDS, MissedRuns, owed, tags_of, tick_of

HOURLY = parsed("0 * * * *", "Europe/Berlin")
NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)


def hours_owed(missed_runs: MissedRuns, *, late_seconds: float, since_hours: int, limit: int = 10) -> list[int]:
    """Return the hours of the ticks owed so many seconds after noon, when those of so many hours before were missed."""
    now = NOON + timedelta(seconds=late_seconds)
    since = NOON - timedelta(hours=since_hours)
    debt = owed(HOURLY, since=since, now=now, missed_runs=missed_runs, catch_up_limit=limit)
    assert debt.next_tick == NOON + timedelta(hours=1)
    return [tick.hour for tick in debt.ticks]


@pytest.mark.parametrize("missed_runs", ["skip", "run_once", "catch_up"])
def test_a_tick_in_time_is_run_by_every_policy(missed_runs: MissedRuns) -> None:
    """Whatever is to become of missed runs, the one tick that is due is run, from its very instant on."""
    assert hours_owed(missed_runs, late_seconds=0, since_hours=0) == [12]
    assert hours_owed(missed_runs, late_seconds=GRACE_SECONDS, since_hours=0) == [12]


def test_skip() -> None:
    """Skipped is what is more than the grace late, and nothing else."""
    assert hours_owed("skip", late_seconds=GRACE_SECONDS + 0.001, since_hours=0) == []
    assert hours_owed("skip", late_seconds=5, since_hours=3) == [12]
    assert hours_owed("skip", late_seconds=600, since_hours=3) == []


def test_run_once() -> None:
    """All that was missed is run once, for the last of it."""
    assert hours_owed("run_once", late_seconds=600, since_hours=0) == [12]
    assert hours_owed("run_once", late_seconds=600, since_hours=30) == [12]


@pytest.mark.parametrize(
    ("limit", "expected"), [(1, [12]), (3, [10, 11, 12]), (4, [9, 10, 11, 12]), (9, [9, 10, 11, 12])]
)
def test_catch_up(limit: int, expected: list[int]) -> None:
    """Each missed tick is run, the earliest first, but only the last ones up to the limit."""
    assert hours_owed("catch_up", late_seconds=600, since_hours=3, limit=limit) == expected


def test_before_its_time_nothing_is_owed() -> None:
    """A schedule whose tick is still to come owes nothing, and goes on to that tick."""
    now = NOON - timedelta(seconds=1)
    debt = owed(HOURLY, since=NOON, now=now, missed_runs="catch_up", catch_up_limit=10)
    assert (debt.ticks, debt.next_tick) == ([], NOON)


def test_tags_tell_the_tick() -> None:
    """An item's tags name the schedule and the tick, and give the tick back; other tags do not disturb."""
    assert tags_of("a-schedule", NOON) == ["schedule:a-schedule", "tick:2026-07-14T12:00:00Z"]
    assert tick_of(["tick:tock", "mine", *tags_of("a-schedule", NOON)]) == NOON
    assert tags_of("a-schedule") == ["schedule:a-schedule"]
    assert tick_of([*tags_of("a-schedule"), "tick:tock"]) is None
