"""What a schedule owes when its time has come: which of its ticks get an item, by its policy for missed runs.

- `skip`: a tick that is more than GRACE_SECONDS late gets none.
- `run_once`: all ticks that were missed get one item together, the last one's.
- `catch_up`: each gets one, but of many only the last `catch_up_limit`.

An item tells by its tags which schedule made it, and for which tick; they stay whatever becomes of the item.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args

from fairlead.domain.cron import Cron, latest_ticks, next_tick

MissedRuns: TypeAlias = Literal["skip", "run_once", "catch_up"]
MISSED_RUNS: Final[tuple[MissedRuns, ...]] = get_args(MissedRuns)
GRACE_SECONDS: Final = 30
_SCHEDULE: Final = "schedule:"
_TICK: Final = "tick:"
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Owed:
    """The ticks that get an item now, the earliest first, and the next one that is still to come."""

    ticks: list[datetime]
    next_tick: datetime | None


def owed(cron: Cron, *, since: datetime, now: datetime, missed_runs: MissedRuns, catch_up_limit: int) -> Owed:
    """Return what a schedule owes at the instant `now` that has made no item for the tick `since` or a later one."""
    if missed_runs == "skip":
        since = max(since, now - timedelta(seconds=GRACE_SECONDS))
    most = catch_up_limit if missed_runs == "catch_up" else 1
    before = since - timedelta(microseconds=1)
    return Owed(latest_ticks(cron, after=before, until=now, most=most), next_tick(cron, after=now))


def tags_of(schedule_id: str, tick: datetime | None = None) -> list[str]:
    """Return the tags of an item that a schedule made for a tick; without one somebody let it run at once."""
    of_schedule = [f"{_SCHEDULE}{schedule_id}"]
    return of_schedule if tick is None else [*of_schedule, f"{_TICK}{tick.astimezone(UTC).strftime(_FORM)}"]


def tick_of(tags: Iterable[str]) -> datetime | None:
    """Return the tick that an item with these tags is for; None when a schedule's clock did not make it."""
    for tag in tags:
        if tag.startswith(_TICK):
            try:
                return datetime.strptime(tag.removeprefix(_TICK), _FORM).replace(tzinfo=UTC)
            except ValueError:  # somebody's own tag
                continue
    return None
