"""Cron: the instants that an expression and a time zone name, through every change of the clocks.

An expression has five fields (minute, hour, day of month, month, day of week), or is one of NICKNAMES. `cronsim` reads
it and walks the calendar; what the zone makes of a wall time is decided here, as cron on Debian does:

- At fixed times (neither minute nor hour begins with `*`) a wall time comes once a day: where the clocks go back and
  it comes twice, the first time; where they go forward and it does not come, the moment they have gone forward, and
  that moment once, however many times it makes up for.
- At intervals (minute or hour begins with `*`) elapsed time counts: an hour that comes twice has its ticks twice, one
  that does not come has none.

Ticks are instants in UTC on whole minutes of the zone's wall clock. Nothing here reads a clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, takewhile
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from fairlead.domain.limits import CRON_CHARACTERS
from fairlead.errors import ValidationFailed

NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS: Final = 5
_ENDS: Final = (59, 23, 31, 12, 7)
_STEP: Final = re.compile(r"/(\d+)")
_SHAPE: Final = "minute, hour, day of month, month and day of week, such as '30 6 * * MON-FRI'"
_NOT_A_PLACE: Final = {"localtime", "Factory"}  # what they mean depends on the machine
_SOMETIME: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - a wall time
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that was read, as five fields, and its time zone."""

    expression: str
    zone: ZoneInfo

    @property
    def at_fixed_times(self) -> bool:
        """Whether it names times of the wall clock, not intervals."""
        minute, hour, *_ = self.expression.split()
        return not minute.startswith("*") and not hour.startswith("*")


def parsed(expression: str, time_zone: str) -> Cron:
    """Read an expression and the name of a time zone; raises ValidationFailed naming `cron` or `time_zone`."""
    problems = {"cron": cron_problem(expression), "time_zone": zone_problem(time_zone)}
    if details := {field: problem for field, problem in problems.items() if problem is not None}:
        raise ValidationFailed(details=details)
    return Cron(_five_fields(expression), ZoneInfo(time_zone))


def cron_problem(expression: str) -> str | None:
    """Return why an expression is unacceptable, or None; one that never fires is."""
    if len(expression) > CRON_CHARACTERS:
        return f"is longer than {CRON_CHARACTERS} characters"
    fields = _five_fields(expression).split()
    if len(fields) != _FIELDS:
        return f"must have five fields: {_SHAPE}; or be one of {', '.join(NICKNAMES)}"
    if problem := _step_problem(fields):
        return problem
    if (problem := _field_problem(fields)) is None:
        return None
    if problem == "Bad day-of-month" and _field_problem([*fields[:3], "*", fields[4]]) is None:
        return "never fires: none of its months has such a day"
    return problem if problem.startswith("never") else f"has a {problem.lower()}; the fields are {_SHAPE}"


def zone_problem(name: str) -> str | None:
    """Return why the name of a time zone is unacceptable, or None."""
    return None if name in _zones() else "is not the name of a time zone, such as Europe/Berlin or UTC"


def next_tick(cron: Cron, *, after: datetime) -> datetime | None:
    """Return the first tick after an instant; None when none comes within fifty years."""
    return next(ticks(cron, after=after), None)


def ticks(cron: Cron, *, after: datetime) -> Iterator[datetime]:
    """Yield every tick after an instant, in order, as long as there are any within fifty years of the last."""
    walk = _at_fixed_times if cron.at_fixed_times else _at_intervals
    return walk(cron, after.astimezone(UTC))


def ticks_between(cron: Cron, *, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield every tick after an instant up to another one and at it."""
    return takewhile(lambda tick: tick <= until, ticks(cron, after=after))


def latest_ticks(cron: Cron, *, after: datetime, until: datetime, most: int) -> list[datetime]:
    """Return the last `most` ticks of `ticks_between`, in order, without walking through those before them."""
    found = list(islice(ticks_between(cron, after=after, until=until), most + 1))
    if len(found) <= most:
        return found
    early, late = after, until  # after `early` come `most` ticks or more, after `late` fewer
    while late - early > _SECOND:
        middle = early + (late - early) / 2
        remaining = sum(1 for _ in islice(ticks_between(cron, after=middle, until=until), most))
        early, late = (middle, late) if remaining == most else (early, middle)
    return list(ticks_between(cron, after=early, until=until))


def _at_fixed_times(cron: Cron, after: datetime) -> Iterator[datetime]:
    last = after
    for wall in CronSim(cron.expression, _wall(after, cron.zone)):
        tick = _first_instant(wall, cron.zone)
        if tick > last:
            yield tick
            last = tick


def _at_intervals(cron: Cron, after: datetime) -> Iterator[datetime]:
    """Walk the calendar from one change of the clocks to the next, each time from the wall time they then show."""
    last, start = after, after
    while True:
        offset, change = _offset(last, cron.zone), None
        for wall in CronSim(cron.expression, (start + offset).replace(tzinfo=None)):
            tick = wall.replace(tzinfo=UTC) - offset
            if change := _first_change(cron.zone, last, tick):
                break
            yield tick
            last = tick
        if change is None:
            return
        last, start = change, change - _SECOND  # the change itself may be a tick


def _first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which a wall clock shows a time, or is past it for the first time."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall(instant, zone) == wall:
        return instant
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _first_change(zone, before, instant) or instant


def _first_change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime | None:
    """Return the first instant after `low`, up to `high`, from which on the zone's offset is another; None without."""
    low = low.replace(microsecond=0)
    offset = _offset(low, zone)
    while (day_later := min(low + _DAY, high)) < high and _offset(day_later, zone) == offset:
        low = day_later
    if _offset(day_later, zone) == offset:
        return None
    high = day_later
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return high


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _five_fields(expression: str) -> str:
    return NICKNAMES.get(expression.strip().lower(), " ".join(expression.split()))


def _step_problem(fields: list[str]) -> str | None:
    """Return why a step is unacceptable: one beyond its field's end is never taken, and means something else."""
    for field, end in zip(fields, _ENDS, strict=True):
        for step in _STEP.findall(field):
            if int(step) > end:
                return f"has the step {step}, beyond the end of its field; the fields are {_SHAPE}"
    return None


def _field_problem(fields: list[str]) -> str | None:
    try:
        next(CronSim(" ".join(fields), _SOMETIME))
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "never fires"
    return None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NOT_A_PLACE
