from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.failing import everything_in, failing
from tests.fixtures.items import FLEET, claim_some, enqueue_some
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell
from tests.fixtures.schedules import LEAP_DAY, be_late, clock, made_by, make_schedule, owe_leap_day, read, run_due

from fairlead.db.session import Database, SessionMisused
from fairlead.domain import schedules as rules
from fairlead.domain.schedules import MissedRuns, tick_of
from fairlead.engine import schedule as module
from fairlead.engine.schedule import RETRY_SECONDS, Scheduled, schedule
from fairlead.errors import Busy
from fairlead.rows import Schedule
from fairlead.services.organizations import soft_delete_organization
from fairlead.services.queues import pause_queue, restore_queue, soft_delete_queue, update_queue
from fairlead.services.schedules import update_schedule

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)


async def ticks_made(database: Database, made: Schedule) -> list[datetime]:
    """Return the ticks that a schedule's items are for, in their order."""
    return [tick for item in await made_by(database, made.id) if (tick := tick_of(item["tags"]))]


async def test_a_tick_gets_its_item(database: Database, ours: Tenant) -> None:
    """The item is as the schedule says and names it and the tick; the schedule goes on to the next tick."""
    given: dict[str, Any] = {"payload": {"report": "daily"}, "task": "report", "priority": 7}
    made = await make_schedule(database, ours, **given)
    tick = await be_late(database, made)

    assert await run_due(database) == Scheduled(1, 1, frozenset({ours.queue_id}))

    [item] = await made_by(database, made.id)
    assert {name: item[name] for name in given} == given
    assert (item["scheduled_for"], item["ready"], item["tags"]) == (tick, True, rules.tags_of(made.id, tick))
    after = await read(database, ours, made)
    assert (after.last_run_at, after.error_message, after.retry_at) == (tick, None, None)
    assert after.next_run_at is not None
    assert after.next_run_at > tick
    assert after.updated_at == made.updated_at
    assert [claimed.id for claimed in await claim_some(database, ours)] == [item["id"]]


async def test_before_its_time_nothing_happens(database: Database, ours: Tenant) -> None:
    """A schedule whose tick is still to come is not looked at."""
    made = await make_schedule(database, ours, cron=LEAP_DAY)
    assert await run_due(database) == Scheduled(0, 0, frozenset())
    assert await read(database, ours, made) == made


@pytest.mark.parametrize(
    ("missed_runs", "limit", "expected"), [("run_once", 10, 1), ("catch_up", 10, 6), ("catch_up", 4, 4)]
)
async def test_missed_runs(
    database: Database, ours: Tenant, missed_runs: MissedRuns, limit: int, expected: int
) -> None:
    """After a downtime the last ticks get as many items as the policy allows, the earliest first."""
    made = await make_schedule(database, ours, missed_runs=missed_runs, catch_up_limit=limit)
    first = await be_late(database, made, minutes=5)
    assert (await run_due(database)).items >= expected

    ticks = await ticks_made(database, made)
    assert ticks == [ticks[-1] - number * MINUTE for number in range(len(ticks) - 1, -1, -1)]
    assert ticks[-1] - first in (5 * MINUTE, 6 * MINUTE)  # the minute may have changed meanwhile
    assert len(ticks) in ({expected} if expected != 6 else {6, 7})
    assert (await read(database, ours, made)).last_run_at == ticks[-1]


async def test_skipped_runs(database: Database, ours: Tenant) -> None:
    """A run that would come too late is left out, and the schedule says so until the next one works."""
    made = await make_schedule(database, ours, missed_runs="skip", cron=LEAP_DAY)
    await owe_leap_day(database, made)
    assert await run_due(database) == Scheduled(1, 0, frozenset())

    after = await read(database, ours, made)
    assert "more than 30 seconds late" in (after.error_message or "")
    assert (after.last_run_at, after.retry_at, after.next_run_at) == (None, None, made.next_run_at)
    assert await made_by(database, made.id) == []


async def test_a_long_downtime_is_not_walked_through(database: Database, ours: Tenant) -> None:
    """Years of minutes are caught up with the last few, and the schedule is in the present."""
    made = await make_schedule(database, ours, missed_runs="catch_up", catch_up_limit=3)
    await be_late(database, made, minutes=10 * 366 * 24 * 60)

    assert (await run_due(database)).items == 3
    after = await read(database, ours, made)
    assert after.next_run_at is not None
    assert timedelta() < after.next_run_at - await clock(database) <= MINUTE


async def test_a_full_queue(database: Database) -> None:
    """What has room is enqueued, the earliest first; the rest stays owed, is tried again later, and people see why."""
    ours = await make_tenant(database, max_depth=2)
    made = await make_schedule(database, ours, missed_runs="catch_up", catch_up_limit=3)
    await be_late(database, made, minutes=8)
    assert (await run_due(database)).items == 2

    entered = await ticks_made(database, made)
    held = await read(database, ours, made)
    assert (held.last_run_at, held.next_run_at) == (entered[-1], entered[-1] + MINUTE)
    assert "holds as many items as it may" in (held.error_message or "")
    assert held.retry_at is not None
    assert held.retry_at - await clock(database) <= timedelta(seconds=RETRY_SECONDS)
    assert await run_due(database) == Scheduled(0, 0, frozenset())

    async with database.unit_of_work(ours.scope) as session:
        await update_queue(session, ours.scope, queue_id=ours.queue_id, max_depth=None)
        await session.execute(text("update schedules set retry_at = statement_timestamp()"))
    assert (await run_due(database)).items in {1, 2}
    after = await read(database, ours, made)
    assert (after.retry_at, after.error_message) == (None, None)
    ticks = await ticks_made(database, made)
    assert sorted(set(ticks)) == ticks


async def test_an_overfull_queue(database: Database) -> None:
    """A queue that holds more than it may by now gets nothing, however many ticks are owed."""
    ours = await make_tenant(database)
    await enqueue_some(database, ours, 3)
    await tell(database, "update queues set max_depth = 1")
    made = await make_schedule(database, ours, missed_runs="catch_up", catch_up_limit=5)
    await be_late(database, made, minutes=8)

    assert await run_due(database) == Scheduled(1, 0, frozenset())


async def test_a_full_organization(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A limit of the organization holds too, and keeps nobody else's schedule waiting."""
    async with database.unit_of_work(FLEET) as session:
        limit = text("update organizations set max_queue_depth = 1 where id = :id")
        await session.execute(limit.bindparams(id=ours.organization_id))
    made = [await make_schedule(database, owner, name=f"s{n}") for owner in (ours, theirs) for n in range(2)]
    for each in made:
        await be_late(database, each)

    assert (await run_due(database)).items == 3
    failing_now = [each.organization_id for each in made if (await _read(database, each)).error_message]
    assert failing_now == [ours.organization_id]


async def _read(database: Database, made: Schedule) -> Schedule:
    return await read(database, Tenant(made.organization_id, made.queue_id), made)


async def test_a_paused_queue_takes_its_items(database: Database, ours: Tenant) -> None:
    """Pausing a queue keeps its items from being claimed, not from coming."""
    made = await make_schedule(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await pause_queue(session, ours.scope, queue_id=ours.queue_id)
    await be_late(database, made)
    assert (await run_due(database)).items == 1
    assert await claim_some(database, ours) == []


async def test_a_deleted_queue_gets_nothing(database: Database, ours: Tenant) -> None:
    """Ticks of a queue that is soft-deleted are dropped and people see why; restored, it gets those to come."""
    made = await make_schedule(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await soft_delete_queue(session, ours.scope, queue_id=ours.queue_id)
    await be_late(database, made, minutes=3)
    assert await run_due(database) == Scheduled(1, 0, frozenset())

    after = await read(database, ours, made)
    assert "queue is deleted" in (after.error_message or "")
    assert (after.last_run_at, after.retry_at) == (None, None)
    async with database.unit_of_work(ours.scope) as session:
        await restore_queue(session, ours.scope, queue_id=ours.queue_id)
    await be_late(database, made)
    assert (await run_due(database)).items == 1
    assert (await read(database, ours, made)).error_message is None


async def test_a_deleted_organization_gets_nothing(database: Database, ours: Tenant) -> None:
    """An organization that is soft-deleted is as good as gone: its ticks are dropped."""
    made = await make_schedule(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await soft_delete_organization(session, ours.scope, organization_id=ours.organization_id)
    await be_late(database, made)
    assert await run_due(database) == Scheduled(1, 0, frozenset())


async def test_an_unknown_time_zone_keeps_only_its_own_schedule(database: Database, ours: Tenant) -> None:
    """A schedule that this machine cannot read is tried again later with the reason kept; the others run."""
    broken, sound = [await make_schedule(database, ours, name=name, cron=LEAP_DAY) for name in ("broken", "sound")]
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update schedules set time_zone = 'Mars/Base' where name = 'broken'"))
    first = await owe_leap_day(database, broken)
    await owe_leap_day(database, sound)

    assert (await run_due(database)).items == 1
    after = await read(database, ours, broken)
    assert "time_zone: is not the name of a time zone" in (after.error_message or "")
    assert after.next_run_at == first
    assert after.retry_at is not None
    assert await run_due(database) == Scheduled(0, 0, frozenset())


async def test_an_edit_while_it_is_due(database: Database, ours: Tenant) -> None:
    """What is changed before a due tick is run holds for that tick already; only another expression drops it."""
    made = await make_schedule(database, ours)
    await be_late(database, made)
    async with database.unit_of_work(ours.scope) as session:
        await update_schedule(session, ours.scope, schedule_id=made.id, payload={"new": 1}, cron="* * * * *")
    assert (await run_due(database)).items == 1
    assert [item["payload"] for item in await made_by(database, made.id)] == [{"new": 1}]

    await be_late(database, made)
    async with database.unit_of_work(ours.scope) as session:
        await update_schedule(session, ours.scope, schedule_id=made.id, cron=LEAP_DAY)
    assert await run_due(database) == Scheduled(0, 0, frozenset())


async def test_the_clock_of_the_process_changes_nothing(
    database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the process's clock is an hour off, ahead or behind, the same ticks run: the database's decides."""
    made = await make_schedule(database, ours, missed_runs="catch_up")

    class Wrong(datetime):
        off = timedelta()

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + cls.off  # type: ignore[arg-type]

    monkeypatch.setattr(rules, "datetime", Wrong)
    monkeypatch.setattr(module, "datetime", Wrong)
    monkeypatch.setattr("fairlead.domain.cron.datetime", Wrong)
    for hours in (-1, 1):
        Wrong.off = timedelta(hours=hours)
        monkeypatch.setattr("time.time", _shifted(hours * 3600))
        await be_late(database, made, minutes=2)
        assert (await run_due(database)).items in {3, 4}
        after = await read(database, ours, made)
        assert after.next_run_at is not None
        assert timedelta() < after.next_run_at - await clock(database) <= MINUTE


def _shifted(seconds: float) -> Callable[[], float]:
    return lambda: datetime.now(UTC).timestamp() + seconds


@pytest.mark.parametrize("limited", [False, True])
async def test_a_failure_at_any_statement_leaves_the_tick_owed(database: Database, *, limited: bool) -> None:
    """Whichever statement a scheduler fails or dies at, nothing has happened, and the next one runs the tick once."""
    ours = await make_tenant(database, max_depth=100 if limited else None)
    made = [await make_schedule(database, ours, name=f"s{number}") for number in range(2)]
    for each in made:
        await be_late(database, each)
    before = await everything_in(database)
    for step in count(1):
        try:
            async with database.unit_of_work(FLEET) as session:
                with failing(session, at=step) as sent:
                    await schedule(session, FLEET, most=10)
        except (Busy, SessionMisused):
            assert await everything_in(database) == before
            continue
        assert len(sent) < step
        break
    assert step > (6 if limited else 3)
    assert [len(await made_by(database, each.id)) for each in made] == [1, 1]


async def test_it_takes_no_more_than_it_is_told(database: Database, ours: Tenant) -> None:
    """A turn looks at `most` schedules, those longest due first."""
    made = [await make_schedule(database, ours, name=f"s{number}") for number in range(3)]
    for number, each in enumerate(made):
        await be_late(database, each, minutes=10 - number)
    assert (await run_due(database, most=2)).schedules == 2
    assert [len(await made_by(database, each.id)) for each in made] == [1, 1, 0]
