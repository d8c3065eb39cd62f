from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import anyio
import pytest
from sqlalchemy import text
from tests.fixtures.faults import end_connections
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.schedules import LEAP_DAY, be_late, made_by, make_schedule, owe_leap_day, read, run_due
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database
from fairlead.domain.schedules import tick_of
from fairlead.engine.schedule import Scheduled, schedule
from fairlead.errors import DatabaseUnavailable, NotFound
from fairlead.rows import Schedule
from fairlead.services.queues import delete_queue, soft_delete_queue
from fairlead.services.schedules import delete_schedule, pause_schedule, update_schedule

pytestmark = pytest.mark.anyio

SCHEDULERS, SCHEDULES = 50, 40


async def ticks_of(database: Database, made: Schedule) -> list[datetime]:
    """Return the ticks that a schedule's items are for."""
    return [tick for item in await made_by(database, made.id) if (tick := tick_of(item["tags"]))]


async def test_fifty_schedulers_run_each_tick_once(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Fifty schedulers at once, again and again, give each tick of each schedule one item, and leave none out."""
    made = [
        await make_schedule(database, owner, name=f"s{number}", missed_runs="catch_up", catch_up_limit=5)
        for owner in (ours, theirs)
        for number in range(SCHEDULES // 2)
    ]
    for each in made:
        await be_late(database, each, minutes=3)
    many = Database(replace(database.options, pool_size=SCHEDULERS))

    async def runs_until_nothing_is_due() -> None:
        while (await run_due(many, most=3)).schedules:
            pass

    async with anyio.create_task_group() as tasks:
        for _ in range(SCHEDULERS):
            tasks.start_soon(runs_until_nothing_is_due)
    await runs_until_nothing_is_due()
    await many.close()

    for each in made:
        ticks = await ticks_of(database, each)
        assert [tick for tick, times in Counter(ticks).items() if times > 1] == []
        assert len(ticks) >= 4
        assert {(later - earlier).total_seconds() for earlier, later in pairwise(ticks)} == {60}


async def test_a_scheduler_that_is_killed(database: Database, ours: Tenant, server_url: str, database_url: str) -> None:
    """A scheduler whose connection is killed before its commit has made nothing; the next one makes the item, once."""
    made = await make_schedule(database, ours)
    await be_late(database, made)

    async def is_killed() -> None:
        async with database.unit_of_work(FLEET) as session:
            assert (await schedule(session, FLEET, most=10)).items == 1
            end_connections(server_url, database_url)

    with pytest.raises(DatabaseUnavailable):
        await is_killed()
    assert await made_by(database, made.id) == []

    assert (await run_due(database)).items == 1
    assert len(await made_by(database, made.id)) == 1


async def test_another_scheduler_does_not_wait(database: Database, ours: Tenant) -> None:
    """While one scheduler has a schedule in hand, another passes it over, and runs it neither now nor later."""
    made = await make_schedule(database, ours, cron=LEAP_DAY)
    await owe_leap_day(database, made)
    async with database.unit_of_work(FLEET) as session:
        assert (await schedule(session, FLEET, most=10)).items == 1
        assert await run_due(database) == Scheduled(0, 0, frozenset())
    assert await run_due(database) == Scheduled(0, 0, frozenset())
    assert len(await made_by(database, made.id)) == 1


async def _new_expression(database: Database, made: Schedule) -> None:
    scope = Tenant(made.organization_id, made.queue_id).scope
    async with database.unit_of_work(scope) as session:
        await update_schedule(session, scope, schedule_id=made.id, cron="*/1 * * * *")


async def _pause(database: Database, made: Schedule) -> None:
    scope = Tenant(made.organization_id, made.queue_id).scope
    async with database.unit_of_work(scope) as session:
        await pause_schedule(session, scope, schedule_id=made.id)


async def _delete(database: Database, made: Schedule) -> None:
    scope = Tenant(made.organization_id, made.queue_id).scope
    async with database.unit_of_work(scope) as session:
        await delete_schedule(session, scope, schedule_id=made.id)


async def _delete_queue(database: Database, made: Schedule) -> None:
    scope = Tenant(made.organization_id, made.queue_id).scope
    async with database.unit_of_work(scope) as session:
        await delete_queue(session, scope, queue_id=made.queue_id)


async def _soft_delete_queue(database: Database, made: Schedule) -> None:
    scope = Tenant(made.organization_id, made.queue_id).scope
    async with database.unit_of_work(scope) as session:
        await soft_delete_queue(session, scope, queue_id=made.queue_id)


CHANGES: dict[str, Callable[[Database, Schedule], Coroutine[Any, Any, None]]] = {
    "another expression": _new_expression,
    "paused": _pause,
    "deleted": _delete,
    "its queue deleted": _delete_queue,
    "its queue soft-deleted": _soft_delete_queue,
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_while_it_is_run(database: Database, ours: Tenant, change: str) -> None:
    """Whoever changes a schedule or its queue while it is run waits, and the tick that was run does not come again."""
    made = await make_schedule(database, ours)
    await be_late(database, made)
    async with anyio.create_task_group() as tasks:  # noqa: SIM117 - the unit of work has to end before the group
        async with database.unit_of_work(FLEET) as session:
            assert (await schedule(session, FLEET, most=10)).items == 1
            ran = (await session.execute(text("select last_run_at from schedules"))).scalar_one()
            tasks.start_soon(CHANGES[change], database, made)
            await until_blocked(database)
    assert await ticks_of(database, made) == ([] if change == "its queue deleted" else [ran])

    if change in {"deleted", "its queue deleted"}:
        with pytest.raises(NotFound):
            await read(database, ours, made)
        return
    after = await read(database, ours, made)
    assert after.last_run_at == ran
    assert after.next_run_at is None if change == "paused" else (after.next_run_at or ran) > ran


@pytest.mark.parametrize("change", CHANGES)
async def test_it_is_run_while_it_is_changed(database: Database, ours: Tenant, change: str) -> None:
    """A scheduler passes over what somebody is just changing, without waiting, and then goes by the change."""
    made = await make_schedule(database, ours)
    await be_late(database, made)
    scope = ours.scope
    lock = "queues" if "queue" in change else "schedules"
    async with database.unit_of_work(scope) as session:
        await session.execute(text(f"select id from {lock} for update"))  # noqa: S608 - one of the two above
        assert await run_due(database) == Scheduled(0, 0, frozenset())
    await CHANGES[change](database, made)
    assert (await run_due(database)).items == 0
