"""Counters are folded while their queue is being deleted, and the other way round."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, enqueue_some
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import call, tell
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database
from fairlead.engine.fold import fold, recount
from fairlead.services.queues import delete_queue

pytestmark = pytest.mark.anyio


async def _counters(database: Database) -> int:
    return len(await tell(database, "select 1 from item_counters"))


async def test_the_counters_of_a_queue_that_is_being_deleted_are_left(database: Database, ours: Tenant) -> None:
    """While somebody deletes a queue a folding passes its rows by at once, and none is left behind."""
    for _ in range(3):
        await enqueue_some(database, ours)
    async with database.unit_of_work(ours.scope) as deleting:
        await deleting.execute(text("select from queues for update"))
        async with database.unit_of_work(FLEET) as session:
            await session.execute(text("set local lock_timeout = '1ms'"))
            assert await fold(session, FLEET, most=10) == (0, 1)
        await delete_queue(deleting, ours.scope, queue_id=ours.queue_id)
    assert await _counters(database) == 0


@pytest.mark.parametrize("counting", ["fold", "recount"])
async def test_a_deletion_finds_what_was_just_counted(database: Database, ours: Tenant, counting: str) -> None:
    """A queue that is deleted while its rows are being put together waits for that, and leaves none of them."""
    for _ in range(3):
        await enqueue_some(database, ours)
    async with database.unit_of_work(FLEET) as session:
        if counting == "fold":
            assert await fold(session, FLEET, most=10) == (3, 1)
        else:
            assert await recount(session, ours.scope, queue_id=ours.queue_id) == 0
        deleting = asyncio.create_task(call(database, ours.scope, delete_queue, queue_id=ours.queue_id))
        await until_blocked(database)
    await deleting
    assert await _counters(database) == 0
