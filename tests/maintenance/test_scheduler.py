from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.schedules import be_late, made_by, make_schedule
from tests.fixtures.waiting import until
from tests.maintenance.conftest import Announced

from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.maintenance import scheduler as module
from fairlead.maintenance.scheduler import HELD_SECONDS, LONGEST_SECONDS, scheduler

pytestmark = pytest.mark.anyio

_SOON = text("update schedules set next_run_at = statement_timestamp() + interval '2 seconds'")


async def test_what_is_due_is_run(
    resources: Resources, database: Database, announced: Announced, ours: Tenant, theirs: Tenant
) -> None:
    """A turn runs what is due in every organization, wakes each queue once, and looks again at once."""
    due = [await make_schedule(database, owner, name=name) for owner, name in ((ours, "a"), (ours, "b"), (theirs, "a"))]
    later = await make_schedule(database, theirs, name="b", cron="0 0 29 2 *")
    for each in due:
        await be_late(database, each)
    loop = scheduler(resources, resources.database)

    assert await loop._turn() == 0
    assert [len(await made_by(database, each.id)) for each in (*due, later)] == [1, 1, 1, 0]
    assert sorted(announced.queues) == sorted([ours.queue_id, theirs.queue_id])


async def test_it_sleeps_until_the_next_tick(resources: Resources, database: Database, ours: Tenant) -> None:
    """It sleeps until the next schedule is due, but never long, since a new one may be made elsewhere."""
    loop = scheduler(resources, resources.database)
    assert await loop._turn() == LONGEST_SECONDS

    await make_schedule(database, ours, cron="0 0 29 2 *")
    assert await loop._turn() == LONGEST_SECONDS
    async with database.unit_of_work(FLEET) as session:
        await session.execute(_SOON)
    assert 1 < await loop._turn() <= 2


async def test_what_another_one_runs_is_left_to_it(resources: Resources, database: Database, ours: Tenant) -> None:
    """What is due and in another scheduler's hands is looked at again soon, not at once."""
    made = await make_schedule(database, ours)
    await be_late(database, made)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("select id from schedules for update"))
        assert await scheduler(resources, resources.database)._turn() == HELD_SECONDS
    assert await made_by(database, made.id) == []


async def test_a_full_batch_is_followed_at_once(
    resources: Resources, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a batch is run turn by turn, without a pause."""
    monkeypatch.setattr(module, "BATCH", 2)
    made = [await make_schedule(database, ours, name=f"s{number}") for number in range(3)]
    for each in made:
        await be_late(database, each)
    loop = scheduler(resources, resources.database)
    assert [await loop._turn() for _ in range(2)] == [0, 0]
    assert [len(await made_by(database, each.id)) for each in made] == [1, 1, 1]


async def test_it_runs_by_itself(resources: Resources, database: Database, ours: Tenant) -> None:
    """Started, it runs a schedule when its time has come."""
    made = await make_schedule(database, ours, cron="0 0 29 2 *")
    async with database.unit_of_work(FLEET) as session:
        await session.execute(
            text("update schedules set cron = '* * * * *', next_run_at = date_trunc('minute', statement_timestamp())")
        )
    loop = scheduler(resources, resources.database)
    loop.start()

    async def ran() -> bool:
        return len(await made_by(database, made.id)) == 1

    await until(ran, what="the schedule is run")
    await loop.stop()
