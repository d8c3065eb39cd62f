from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.schedules import be_late, clock, made_by, make_schedule, read, run_due

from fairlead.db.session import Database
from fairlead.domain.ids import is_id, new_id
from fairlead.domain.limits import CATCH_UP, PRIORITY
from fairlead.domain.schedules import tags_of
from fairlead.errors import Conflict, NotFound, QueueFull, ValidationFailed
from fairlead.services import schedules
from fairlead.services.queues import create_queue, soft_delete_queue

pytestmark = pytest.mark.anyio
LEAP_DAY = "0 0 29 2 *"


async def call(database: Database, owner: Tenant, function: Any, **given: Any) -> Any:
    """Call a service in a transaction of its own."""
    async with database.unit_of_work(owner.scope) as session:
        return await function(session, owner.scope, **given)


async def test_a_new_schedule(database: Database, ours: Tenant) -> None:
    """A schedule has its defaults, belongs to its organization, and runs first at the first tick after now."""
    made = await make_schedule(database, ours, cron=" 30  6 * * mon ", time_zone="Europe/Berlin")
    assert is_id(made.id)
    assert (made.organization_id, made.queue_id, made.name) == (ours.organization_id, ours.queue_id, "tick")
    assert (made.task, made.payload, made.priority) == (None, {}, 0)
    assert (made.missed_runs, made.catch_up_limit) == ("run_once", 10)
    assert (made.last_run_at, made.paused_at, made.retry_at, made.error_message) == (None, None, None, None)
    assert made.next_run_at is not None
    assert timedelta() < made.next_run_at - await clock(database) <= timedelta(days=7)
    assert (made.next_run_at.minute, made.next_run_at.weekday()) == (30, 0)
    assert await read(database, ours, made) == made


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", " ", "must not be empty"),
        ("cron", "0 0 30 2 *", "never fires"),
        ("cron", "every day", "must have five fields: minute, hour"),
        ("cron", None, "must be text"),
        ("time_zone", "Mars/Base", "such as Europe/Berlin"),
        ("time_zone", 1, "must be text"),
        ("task", "", "must not be empty"),
        ("payload", [1], "must be"),
        ("payload", {"x": "\0"}, "contains a NUL character"),
        ("priority", PRIORITY + 1, "must be between"),
        ("priority", None, "must be given"),
        ("missed_runs", "sometimes", "must be one of skip, run_once, catch_up"),
        ("catch_up_limit", CATCH_UP + 1, "must be between 1 and 100"),
        ("catch_up_limit", 0, "must be between 1 and 100"),
        ("queue_id", 7, "must be text"),
        ("next_run_at", datetime(2026, 1, 1, tzinfo=UTC), "cannot be given here"),
    ],
)
async def test_what_cannot_be_given(database: Database, ours: Tenant, field: str, value: Any, problem: str) -> None:
    """A wrong field is named with a sentence that says what to do, for a new schedule as for a change."""
    made = await make_schedule(database, ours)
    for function, given in (
        (schedules.create_schedule, {"queue_id": ours.queue_id, "name": "n", "cron": LEAP_DAY}),
        (schedules.update_schedule, {"schedule_id": made.id}),
    ):
        with pytest.raises(ValidationFailed) as refused:
            await call(database, ours, function, **{**given, field: value})
        assert refused.value.details.keys() == {field}
        assert problem in refused.value.details[field]
    assert await read(database, ours, made) == made


async def test_every_wrong_field_is_named_at_once(database: Database, ours: Tenant) -> None:
    """Whoever gets several fields wrong is told of all of them."""
    with pytest.raises(ValidationFailed) as refused:
        await make_schedule(database, ours, cron="x", time_zone="y", priority=0.5, missed_runs=None)
    assert refused.value.details.keys() == {"cron", "time_zone", "priority", "missed_runs"}


async def test_names_are_taken_once(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Two schedules of one organization cannot have one name; those of two can."""
    await make_schedule(database, ours)
    other = await make_schedule(database, ours, name="other")
    await make_schedule(database, theirs)
    with pytest.raises(Conflict):
        await make_schedule(database, ours)
    with pytest.raises(Conflict):
        await call(database, ours, schedules.update_schedule, schedule_id=other.id, name="tick")


async def test_its_queue_is_there(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A schedule is for a queue of its organization that is not deleted."""
    made = await make_schedule(database, ours)
    closed = await call(database, ours, create_queue, name="closed")
    await call(database, ours, soft_delete_queue, queue_id=closed.id)
    for queue_id in (theirs.queue_id, closed.id, new_id(), "\0"):
        with pytest.raises(NotFound):
            await make_schedule(database, ours, name="n", queue_id=queue_id)
        with pytest.raises(NotFound):
            await call(database, ours, schedules.update_schedule, schedule_id=made.id, queue_id=queue_id)


async def test_changes_hold_at_once(database: Database, ours: Tenant) -> None:
    """What is given is changed and nothing else; the next tick stays unless the expression or the zone is another."""
    made = await make_schedule(database, ours, cron=LEAP_DAY)
    other = await call(database, ours, create_queue, name="other")
    given = {"queue_id": other.id, "task": "t", "payload": {"a": 1}, "priority": 3, "catch_up_limit": 2}
    after = await call(database, ours, schedules.update_schedule, schedule_id=made.id, **given)
    assert {name: getattr(after, name) for name in given} == given
    assert (after.next_run_at, after.cron, after.name) == (made.next_run_at, made.cron, made.name)
    assert after.updated_at > made.updated_at

    zoned = await call(database, ours, schedules.update_schedule, schedule_id=made.id, time_zone="Asia/Tokyo")
    assert made.next_run_at is not None
    assert zoned.next_run_at == made.next_run_at - timedelta(hours=9)
    hourly = await call(database, ours, schedules.update_schedule, schedule_id=made.id, cron="@hourly")
    assert hourly.next_run_at - await clock(database) <= timedelta(hours=1)


async def test_another_expression_forgets_what_failed(database: Database) -> None:
    """A schedule that could not enqueue begins anew with another expression: nothing owed, no error."""
    ours = await make_tenant(database, max_depth=1)
    made = await make_schedule(database, ours, missed_runs="catch_up")
    await be_late(database, made, minutes=3)
    await run_due(database)
    assert (await read(database, ours, made)).error_message is not None

    after = await call(database, ours, schedules.update_schedule, schedule_id=made.id, cron="@yearly")
    assert (after.retry_at, after.error_message) == (None, None)
    assert after.next_run_at > await clock(database)


async def test_pause_and_resume(database: Database, ours: Tenant) -> None:
    """A paused schedule owes nothing, and the ticks of the pause are not missed; pausing twice keeps the instant."""
    made = await make_schedule(database, ours, missed_runs="catch_up")
    await be_late(database, made)
    paused = await call(database, ours, schedules.pause_schedule, schedule_id=made.id)
    assert paused.paused_at is not None
    assert paused.next_run_at is None
    assert await call(database, ours, schedules.pause_schedule, schedule_id=made.id) == paused
    assert (await run_due(database)).schedules == 0
    changed = await call(database, ours, schedules.update_schedule, schedule_id=made.id, cron="*/2 * * * *")
    assert changed.next_run_at is None

    resumed = await call(database, ours, schedules.resume_schedule, schedule_id=made.id)
    assert resumed.paused_at is None
    assert timedelta() < resumed.next_run_at - await clock(database) <= timedelta(minutes=2)
    assert await call(database, ours, schedules.resume_schedule, schedule_id=made.id) == resumed
    assert (await run_due(database)).schedules == 0
    assert await made_by(database, made.id) == []


async def test_delete(database: Database, ours: Tenant) -> None:
    """A deleted schedule makes no more items; those it made stay."""
    made = await make_schedule(database, ours)
    await be_late(database, made)
    await run_due(database)
    await call(database, ours, schedules.delete_schedule, schedule_id=made.id)
    assert len(await made_by(database, made.id)) == 1
    for function in (schedules.delete_schedule, schedules.pause_schedule, schedules.resume_schedule):
        with pytest.raises(NotFound):
            await call(database, ours, function, schedule_id=made.id)


async def test_run_now(database: Database, ours: Tenant) -> None:
    """An item is made at once, paused or not, as a tick would make it but for no tick; the ticks to come stay."""
    made = await make_schedule(database, ours, cron=LEAP_DAY, payload={"a": 1}, task="t", priority=4)
    item_id = await call(database, ours, schedules.run_schedule, schedule_id=made.id)
    [item] = await made_by(database, made.id)
    assert (item["id"], item["payload"], item["task"], item["priority"]) == (item_id, {"a": 1}, "t", 4)
    assert (item["tags"], item["ready"]) == (tags_of(made.id), True)
    assert await read(database, ours, made) == made
    await call(database, ours, schedules.pause_schedule, schedule_id=made.id)
    assert is_id(await call(database, ours, schedules.run_schedule, schedule_id=made.id))


async def test_run_now_is_refused(database: Database) -> None:
    """What has no room or no queue is not run, and leaves nothing behind."""
    ours = await make_tenant(database, max_depth=1)
    made = await make_schedule(database, ours)
    await call(database, ours, schedules.run_schedule, schedule_id=made.id)
    with pytest.raises(QueueFull):
        await call(database, ours, schedules.run_schedule, schedule_id=made.id)
    await call(database, ours, soft_delete_queue, queue_id=ours.queue_id)
    with pytest.raises(NotFound):
        await call(database, ours, schedules.run_schedule, schedule_id=made.id)
    async with database.unit_of_work(FLEET) as session:
        runs = text("select count(*) from audit_events where action = 'schedule.run'")
        assert (await session.execute(runs)).scalar_one() == 1


async def test_preview(database: Database, ours: Tenant) -> None:
    """Somebody who writes an expression is shown its next ticks before anything is made, or what is wrong with it."""
    found = await call(database, ours, schedules.preview_ticks, cron="*/5 * * * *", time_zone="Asia/Tokyo", count=3)
    assert [later - earlier for earlier, later in pairwise(found)] == [timedelta(minutes=5)] * 2
    assert timedelta() < found[0] - await clock(database) <= timedelta(minutes=5)
    with pytest.raises(ValidationFailed) as refused:
        await call(database, ours, schedules.preview_ticks, cron="x", time_zone="y", count=0)
    assert refused.value.details.keys() == {"cron", "time_zone", "count"}
