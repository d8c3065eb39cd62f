from __future__ import annotations

import anyio
import pytest
from tests.fixtures.accounts import differences
from tests.fixtures.items import FLEET, claimed, enqueue_some, one_in_each_status
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.fold import fold, recount

pytestmark = pytest.mark.anyio

ROWS = "select waiting, processing, completed, failed, cancelled from item_counters order by queue_id"


async def _fold(database: Database, most: int = 100) -> tuple[int, int]:
    async with database.unit_of_work(FLEET) as session:
        return await fold(session, FLEET, most=most)


async def test_folding_changes_no_sum(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """The rows of each queue become one with the same sums, and folding again finds nothing to do."""
    await one_in_each_status(database, ours)
    await enqueue_some(database, theirs)
    await enqueue_some(database, theirs)
    rows, queues = await _fold(database)
    assert (rows > 2, queues) == (True, 2)
    assert sorted(await tell(database, ROWS)) == [(1, 1, 1, 1, 1), (2, 0, 0, 0, 0)]
    assert await differences(database) == []
    assert await _fold(database) == (0, 0)


async def test_folding_is_bounded(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """At most as many queues as told are folded, whole, and the rest the next time."""
    for owner in (ours, theirs):
        await enqueue_some(database, owner)
        await enqueue_some(database, owner)
    assert [await _fold(database, 1) for _ in range(3)] == [(2, 1), (2, 1), (0, 0)]


async def test_a_queue_that_is_gone_leaves_no_row(database: Database, ours: Tenant) -> None:
    """Rows of a queue that does not exist any more are dropped, as are those that add up to nothing."""
    for _ in range(2):
        await enqueue_some(database, ours)
    await tell(database, "delete from queues")
    await _fold(database)
    assert await tell(database, ROWS) == []


async def test_two_foldings_do_not_meet(database: Database, ours: Tenant) -> None:
    """While one folds, another does nothing and waits for nobody."""
    for _ in range(2):
        await enqueue_some(database, ours)
    async with database.unit_of_work(FLEET) as session:
        assert await fold(session, FLEET, most=9) == (2, 1)
        assert await _fold(database) == (0, 0)
    assert await tell(database, ROWS) == [(2, 0, 0, 0, 0)]


async def test_folding_beside_those_who_count_loses_nothing(database: Database, ours: Tenant) -> None:
    """While items are enqueued and claimed on several connections, folding keeps every sum right."""

    async def works() -> None:
        for _ in range(15):
            await claimed(database, ours)

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(works)
        for _ in range(20):
            await _fold(database)
            assert await differences(database) == []
    await _fold(database)
    assert await tell(database, ROWS) == [(0, 60, 0, 0, 0)]


async def _recount(database: Database, owner: Tenant, queue_id: str | None = None) -> int:
    async with database.unit_of_work(owner.scope) as session:
        return await recount(session, owner.scope, queue_id=queue_id or owner.queue_id)


async def test_a_recount_puts_right_what_is_wrong(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Counters that are wrong, or lost, are what the items say afterwards; it tells by how many they were wrong."""
    for owner in (ours, theirs):
        await one_in_each_status(database, owner)
    assert await _recount(database, ours) == 0
    await tell(database, "update item_counters set waiting = waiting + 1, failed = failed - 1")
    rows = await tell(database, "select 1 from item_counters where queue_id = :queue", queue=theirs.queue_id)
    assert await _recount(database, theirs) == 2 * len(rows)
    await tell(database, "delete from item_counters where queue_id = :queue", queue=ours.queue_id)
    assert await _recount(database, ours) == len(ItemStatus)
    assert await differences(database) == []


async def test_a_recount_of_no_queue_makes_no_row(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A queue that is not here is not counted."""
    for queue_id in (new_id(), theirs.queue_id):
        assert await _recount(database, ours, queue_id) == 0
    assert await tell(database, ROWS) == []
