from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fairlead.domain.cron import (
    NICKNAMES,
    Cron,
    cron_problem,
    latest_ticks,
    next_tick,
    parsed,
    ticks,
    ticks_between,
    zone_problem,
)
from fairlead.domain.limits import CRON_CHARACTERS
from fairlead.errors import ValidationFailed

MINUTE = timedelta(minutes=1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu")


def walls(expression: str, zone: str, start: str, count: int) -> list[str]:
    """Return the next ticks after a wall time, as the zone's clocks show them."""
    place = ZoneInfo(zone)
    after = datetime.fromisoformat(start).replace(tzinfo=place)
    found = islice(ticks(parsed(expression, zone), after=after), count)
    return [tick.astimezone(place).strftime("%m-%d %H:%M %z") for tick in found]


@pytest.mark.parametrize(
    ("zone", "start", "expression", "expected"),
    [
        # 29 March 2026, 02:00 becomes 03:00; 25 October 2026, 03:00 becomes 02:00
        ("Europe/Berlin", "2026-03-28 03:00", "30 2 * * *", ["03-29 03:00 +0200", "03-30 02:30 +0200"]),
        ("Europe/Berlin", "2026-03-28 03:00", "15,45 2 * * *", ["03-29 03:00 +0200", "03-30 02:15 +0200"]),
        ("Europe/Berlin", "2026-03-28 03:30", "0 3 * * *", ["03-29 03:00 +0200", "03-30 03:00 +0200"]),
        ("Europe/Berlin", "2026-03-28 04:00", "30 2,3 * * *", ["03-29 03:00 +0200", "03-29 03:30 +0200"]),
        ("Europe/Berlin", "2026-03-28 03:00", "*/30 2 * * *", ["03-30 02:00 +0200", "03-30 02:30 +0200"]),
        ("Europe/Berlin", "2026-03-29 01:20", "*/30 * * * *", ["03-29 01:30 +0100", "03-29 03:00 +0200"]),
        ("Europe/Berlin", "2026-10-24 03:00", "30 2 * * *", ["10-25 02:30 +0200", "10-26 02:30 +0100"]),
        ("Europe/Berlin", "2026-10-25 02:10", "*/30 2 * * *", ["10-25 02:30 +0200", "10-25 02:00 +0100"]),
        ("Europe/Berlin", "2026-10-25 01:40", "30 * * * *", ["10-25 02:30 +0200", "10-25 02:30 +0100"]),
        # 8 March 2026, 02:00 becomes 03:00; 1 November 2026, 02:00 becomes 01:00
        ("America/New_York", "2026-03-07 03:00", "30 2 * * *", ["03-08 03:00 -0400", "03-09 02:30 -0400"]),
        ("America/New_York", "2026-10-31 02:00", "30 1 * * *", ["11-01 01:30 -0400", "11-02 01:30 -0500"]),
        ("America/New_York", "2026-11-01 00:40", "30 * * * *", ["11-01 01:30 -0400", "11-01 01:30 -0500"]),
        # half an hour: 5 April 2026, 02:00 becomes 01:30; 4 October 2026, 02:00 becomes 02:30
        ("Australia/Lord_Howe", "2026-04-05 01:20", "*/30 1 * * *", ["04-05 01:30 +1100", "04-05 01:30 +1030"]),
        ("Australia/Lord_Howe", "2026-10-03 03:00", "15 2 * * *", ["10-04 02:30 +1100", "10-05 02:15 +1100"]),
        # 4 November 2018, 00:00 becomes 01:00: the day has no midnight
        ("America/Sao_Paulo", "2018-11-03 12:00", "0 0 * * *", ["11-04 01:00 -0200", "11-05 00:00 -0200"]),
        ("America/Sao_Paulo", "2018-11-03 23:10", "*/30 0-1 * * *", ["11-04 01:00 -0200", "11-04 01:30 -0200"]),
        # 30 December 2011 was left out
        ("Pacific/Apia", "2011-12-29 13:00", "0 12 * * *", ["12-31 00:00 +1400", "12-31 12:00 +1400"]),
    ],
)
def test_the_clocks_change(zone: str, start: str, expression: str, expected: list[str]) -> None:
    """Fixed times come once a day whatever the clocks do; intervals go by the time that passes."""
    assert walls(expression, zone, start, len(expected)) == expected


def test_a_walk_that_starts_in_the_second_of_two_equal_hours() -> None:
    """What came in the first of two equal hours does not come again in the second, wherever the walk begins."""
    berlin = parsed("30 2 * * *", "Europe/Berlin")
    second_hour = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # 02:15 for the second time
    assert next_tick(berlin, after=second_hour) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("0 0 L 2 *", ["2027-02-28", "2028-02-29", "2029-02-28"]),
        ("0 0 29 2 MON#5", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("0 0 * 2 MON#5", ["2044-02-29", "2072-02-29", "2112-02-29"]),
        ("0 0 31 * *", ["2027-01-31", "2027-03-31", "2027-05-31"]),
    ],
)
def test_days_that_are_not_in_every_month(expression: str, days: list[str]) -> None:
    """A day that a month or a year does not have is left out there, and comes again in the next that has it."""
    found = islice(ticks(parsed(expression, "UTC"), after=datetime(2026, 12, 31, 12, tzinfo=UTC)), 3)
    assert [tick.date().isoformat() for tick in found] == days


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    span = st.lists(value, min_size=2, max_size=2, unique=True).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, high)
    forms = [
        value.map(str),
        span,
        st.lists(value, min_size=2, max_size=3).map(lambda some: ",".join(map(str, some))),
        st.tuples(span, step).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    ]
    forms += [st.just("*"), step.map(lambda number: f"*/{number}")]
    return st.one_of(forms)


EXPRESSIONS = st.tuples(
    _field(0, 59),
    _field(0, 23),
    st.one_of(st.just("*"), _field(1, 28)),
    st.just("*"),
    st.one_of(st.just("*"), _field(0, 6)),
).map(" ".join)
# Days around which the clocks of one of the zones change, and an ordinary one.
DAYS = st.sampled_from(
    [
        datetime(2026, 3, 28, 20, tzinfo=UTC),
        datetime(2026, 10, 24, 20, tzinfo=UTC),
        datetime(2026, 3, 8, 2, tzinfo=UTC),
        datetime(2026, 11, 1, 2, tzinfo=UTC),
        datetime(2026, 4, 4, 10, tzinfo=UTC),
        datetime(2026, 10, 3, 11, tzinfo=UTC),
        datetime(2018, 11, 3, 22, tzinfo=UTC),
        datetime(2018, 2, 17, 22, tzinfo=UTC),
        datetime(2026, 7, 14, 0, tzinfo=UTC),
    ]
)


@cache
def _values(field: str, low: int, high: int) -> set[int]:
    """Read a field without the library."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = low if span == "*" else int(first)
        end = high if span == "*" or (step and not last) else int(last or first)
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _matches(expression: str, wall: datetime) -> bool:
    minute, hour, day, month, weekday = expression.split()
    if wall.minute not in _values(minute, 0, 59) or wall.hour not in _values(hour, 0, 23):
        return False
    on_day = wall.day in _values(day, 1, 31)
    on_weekday = {wall.isoweekday(), wall.isoweekday() % 7} & _values(weekday, 0, 7) != set()
    both = day.startswith("*") or weekday.startswith("*")
    return wall.month in _values(month, 1, 12) and (on_day and on_weekday if both else on_day or on_weekday)


def _by_brute_force(cron: Cron, after: datetime, until: datetime) -> list[datetime]:
    """Walk minute by minute: of a fixed time every wall time once, what the gap swallowed at its end."""
    start = after.replace(second=0, microsecond=0)
    found = set()
    for instant in (start + number * MINUTE for number in range(-1500, 1 + (until - start) // MINUTE)):
        wall = instant.astimezone(cron.zone)
        if not cron.at_fixed_times:
            if _matches(cron.expression, wall):
                found.add(instant)
            continue
        swallowed = _swallowed(instant, cron.zone)
        if any(_matches(cron.expression, time) for time in swallowed):
            found.add(instant)
        if not wall.fold and _matches(cron.expression, wall):
            found.add(instant)
    return sorted(tick for tick in found if after < tick <= until)


def _swallowed(instant: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the wall times between the minute before an instant and the instant itself."""
    wall = instant.astimezone(zone).replace(tzinfo=None)
    before = (instant - MINUTE).astimezone(zone).replace(tzinfo=None)
    return [before + number * MINUTE for number in range(1, (wall - before) // MINUTE)]


@settings(max_examples=100, deadline=None)
@given(
    expression=EXPRESSIONS, zone=st.sampled_from(ZONES), day=DAYS, minutes=st.integers(0, 600), late=st.integers(0, 59)
)
@example("15,45 2 * * *", "Europe/Berlin", datetime(2026, 3, 28, 20, tzinfo=UTC), 0, 0)
@example("*/20 * * * *", "Australia/Lord_Howe", datetime(2026, 4, 4, 10, tzinfo=UTC), 0, 30)
@example("*/7 0 * * *", "America/Sao_Paulo", datetime(2018, 11, 3, 22, tzinfo=UTC), 0, 0)
def test_every_minute_is_judged_the_same(expression: str, zone: str, day: datetime, minutes: int, late: int) -> None:
    """The ticks of two days are those that a walk through all their minutes finds, from wherever it begins."""
    cron = parsed(expression, zone)
    after = day + minutes * MINUTE + timedelta(seconds=late)
    until = after + timedelta(days=2)
    assert list(ticks_between(cron, after=after, until=until)) == _by_brute_force(cron, after, until)


@settings(max_examples=100, deadline=None)
@given(expression=EXPRESSIONS, zone=st.sampled_from(ZONES), day=DAYS, most=st.integers(1, 12), hours=st.integers(0, 90))
def test_the_latest_are_the_end_of_all(expression: str, zone: str, day: datetime, most: int, hours: int) -> None:
    """The last ticks before an instant are the end of the list of all of them."""
    cron, until = parsed(expression, zone), day + timedelta(hours=hours)
    everything = list(ticks_between(cron, after=day, until=until))
    assert latest_ticks(cron, after=day, until=until, most=most) == everything[-most:]


def test_years_of_minutes_are_not_walked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of ten million ticks are found without computing more than a few thousand."""
    computed = 0

    def counted(cron: Cron, *, after: datetime, until: datetime) -> Iterator[datetime]:
        nonlocal computed
        for tick in ticks_between(cron, after=after, until=until):
            computed += 1
            yield tick

    monkeypatch.setattr("fairlead.domain.cron.ticks_between", counted)
    until = datetime(2026, 7, 14, 12, 0, 30, tzinfo=UTC)
    found = latest_ticks(
        parsed("* * * * *", "Europe/Berlin"), after=datetime(2006, 7, 14, tzinfo=UTC), until=until, most=100
    )

    assert found == [until.replace(second=0) - number * MINUTE for number in range(99, -1, -1)]
    assert computed < 5000


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "must have five fields"),
        ("* * * *", "must have five fields"),
        ("0 * * * * *", "must have five fields"),
        ("@reboot", "must have five fields"),
        ("60 * * * *", "has a bad minute"),
        ("* 24 * * *", "has a bad hour"),
        ("* * 0 * *", "has a bad day-of-month"),
        ("* * 32 1 *", "has a bad day-of-month"),
        ("* * * 13 *", "has a bad month"),
        ("* * * * 8", "has a bad day-of-week"),
        ("*/0 * * * *", "has a bad minute"),
        ("*/61 * * * *", "has the step 61, beyond the end of its field"),
        ("0 1-5/24 * * *", "has the step 24, beyond"),
        ("5-1 * * * *", "has a bad minute"),
        ("\N{FULLWIDTH DIGIT ONE} * * * *", "has a bad minute"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("0 0 */31 2 1#5", "never fires"),
        ("0 0 * * *" + " " * CRON_CHARACTERS, "is longer than 200 characters"),
    ],
)
def test_what_is_no_expression(expression: str, problem: str) -> None:
    """An expression that cannot be read, or never fires, is refused with a sentence that says what to write."""
    assert (cron_problem(expression) or "").startswith(problem)
    with pytest.raises(ValidationFailed) as refused:
        parsed(expression, "UTC")
    assert refused.value.details.keys() == {"cron"}


@given(st.text(alphabet="0123456789*/-,#LW MONJAFEB@²١\0\n", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever somebody writes is either an expression that fires or has a problem, and nothing else happens."""
    if cron_problem(text) is None:
        assert next_tick(parsed(text, "Europe/Berlin"), after=datetime(2026, 1, 1, tzinfo=UTC)) is not None


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "Europe", "europe/berlin", "../etc/passwd", "localtime", "\0", "CEST"]
)
def test_what_is_no_time_zone(name: str) -> None:
    """Only the names of the time zone database are time zones, and none that depends on the machine."""
    assert zone_problem(name) is not None
    with pytest.raises(ValidationFailed) as refused:
        parsed("nonsense", name)
    assert refused.value.details.keys() == {"cron", "time_zone"}


@pytest.mark.parametrize("nickname", NICKNAMES)
def test_nicknames(nickname: str) -> None:
    """A nickname is its five fields, in whatever case and with whatever space around it."""
    assert parsed(f" {nickname.upper()} ", "UTC") == parsed(NICKNAMES[nickname], "UTC")
