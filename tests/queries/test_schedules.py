from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.schedules import be_late, clock, make_schedule, run_due

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.errors import NotFound, ValidationFailed
from fairlead.queries.page import Window
from fairlead.queries.schedules import (
    get_next_ticks,
    get_schedule,
    get_schedule_by_name,
    get_schedule_page,
    seconds_until_due,
)
from fairlead.services.queues import create_queue
from fairlead.services.schedules import pause_schedule

pytestmark = pytest.mark.anyio


async def names(database: Database, owner: Tenant, **filters: Any) -> list[str]:
    """Return the names on the first page with these filters."""
    async with database.unit_of_work(owner.scope) as session:
        page = await get_schedule_page(session, owner.scope, window=Window(), **filters)
    assert page.total == len(page.data)
    return [found.name for found in page.data]


async def test_one_schedule(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A schedule is found by its id and by its name, in its organization only."""
    made = await make_schedule(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        assert await get_schedule(session, ours.scope, schedule_id=made.id) == made
        assert await get_schedule_by_name(session, ours.scope, name="tick") == made
        for schedule_id in (new_id(), "short", "\0"):
            with pytest.raises(NotFound):
                await get_schedule(session, ours.scope, schedule_id=schedule_id)
    async with database.unit_of_work(theirs.scope) as session:
        with pytest.raises(NotFound):
            await get_schedule_by_name(session, theirs.scope, name="tick")


async def test_lists(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A list holds the organization's schedules, newest first; each filter leaves out what it names."""
    async with database.unit_of_work(ours.scope) as session:
        other = await create_queue(session, ours.scope, name="other")
    await make_schedule(database, theirs, name="theirs")
    for name, values in {"daily mail": {}, "weekly mail": {}, "report": {"queue_id": other.id}}.items():
        made = await make_schedule(database, ours, name=name, **values)
        if name == "weekly mail":
            async with database.unit_of_work(ours.scope) as session:
                await pause_schedule(session, ours.scope, schedule_id=made.id)

    assert await names(database, ours) == ["report", "weekly mail", "daily mail"]
    assert await names(database, ours, search="MAIL") == ["weekly mail", "daily mail"]
    assert await names(database, ours, queue_id=other.id) == ["report"]
    assert await names(database, ours, queue_id="\0") == []
    assert await names(database, ours, paused=True) == ["weekly mail"]
    assert await names(database, ours, paused=False, search="mail") == ["daily mail"]
    assert await names(database, ours, failing=True) == []

    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update schedules set time_zone = 'Mars/Base' where name = 'report'"))
    await be_late(database, made)
    await run_due(database)
    assert await names(database, ours, failing=True) == ["report"]
    assert await names(database, ours, failing=False) == ["weekly mail", "daily mail"]


async def test_the_next_ticks(database: Database, ours: Tenant) -> None:
    """The ticks to come are shown from now on, paused or not, up to a hundred."""
    made = await make_schedule(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await pause_schedule(session, ours.scope, schedule_id=made.id)
        found = await get_next_ticks(session, ours.scope, schedule_id=made.id, count=100)
        for count in (0, 101):
            with pytest.raises(ValidationFailed):
                await get_next_ticks(session, ours.scope, schedule_id=made.id, count=count)
    assert [tick - found[0] for tick in found] == [number * timedelta(minutes=1) for number in range(100)]
    assert found[0] - await clock(database) <= timedelta(minutes=1)


async def test_when_the_next_is_due(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """The first of all organizations counts: below zero when late, later when it is tried again; no paused one."""

    async def seconds() -> float | None:
        async with database.unit_of_work(FLEET) as session:
            return await seconds_until_due(session, FLEET)

    assert await seconds() is None
    made = await make_schedule(database, ours, cron="0 0 29 2 *")
    far = await seconds()
    assert far is not None
    assert far > 3600
    late = await make_schedule(database, theirs)
    await be_late(database, late, minutes=5)
    assert -400 < (await seconds() or 0) <= -300
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update schedules set retry_at = statement_timestamp() + interval '1 hour'"))
    assert 3000 < (await seconds() or 0) <= 3600
    for owner, each in ((ours, made), (theirs, late)):
        async with database.unit_of_work(owner.scope) as session:
            await pause_schedule(session, owner.scope, schedule_id=each.id)
    assert await seconds() is None
