from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, claim_some, enqueue_some, item_in, row_of, rows_of
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.promote import promote

pytestmark = pytest.mark.anyio

_DUE = text("""
update queue_items_live set scheduled_for = statement_timestamp() - make_interval(secs => :seconds) where id = :id
""")


async def _promote(database: Database, most: int = 100) -> list[str]:
    async with database.unit_of_work(FLEET) as session:
        return await promote(session, FLEET, most=most)


async def _for_later(database: Database, owner: Tenant, *overdue_seconds: int) -> list[str]:
    """Enqueue an item for later for each number, then let it have been due for so many seconds."""
    ids = await enqueue_some(database, owner, len(overdue_seconds), delay_seconds=3600.0)
    async with database.unit_of_work(FLEET) as session:
        for item_id, seconds in zip(ids, overdue_seconds, strict=True):
            await session.execute(_DUE.bindparams(id=item_id, seconds=seconds))
    return ids


@pytest.mark.parametrize("status", ItemStatus)
async def test_promotion_moves_no_item_to_another_status(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """Promotion is no step of the life cycle: whatever its status, an item that is not for later stays as it was."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    assert await _promote(database) == []
    assert await row_of(database, ours, lease.id) == before


async def test_a_due_item_becomes_claimable(database: Database, ours: Tenant) -> None:
    """An item for later is not claimable, even when due, until it is promoted; only `seq` moves then."""
    (item_id,) = await _for_later(database, ours, 1)
    before = await row_of(database, ours, item_id)
    assert await claim_some(database, ours) == []

    assert await _promote(database) == [ours.queue_id]
    after = await row_of(database, ours, item_id)
    assert after == before | {"ready": True, "seq": after["seq"]}
    assert after["seq"] > before["seq"]
    assert [item.id for item in await claim_some(database, ours)] == [item_id]


async def test_an_item_that_is_not_due_stays(database: Database, ours: Tenant) -> None:
    """Before its time nothing happens to an item for later."""
    (item_id,) = await enqueue_some(database, ours, delay_seconds=3600.0)
    before = await row_of(database, ours, item_id)
    assert await _promote(database) == []
    assert await row_of(database, ours, item_id) == before


async def test_promoted_items_stand_behind_those_already_ready(database: Database, ours: Tenant) -> None:
    """A promoted item gets a new place in the order, behind what was ready before it."""
    (promoted,) = await _for_later(database, ours, 1)
    (ready,) = await enqueue_some(database, ours)
    await _promote(database)
    assert [item.id for item in await claim_some(database, ours)] == [ready, promoted]


async def test_the_longest_due_come_first(database: Database, ours: Tenant) -> None:
    """A bounded promotion takes the longest due first, and no more than it was told."""
    five, twenty, ten = await _for_later(database, ours, 5, 20, 10)
    assert len(await _promote(database, most=2)) == 2
    assert [row["ready"] for row in await rows_of(database, ours, [five, twenty, ten])] == [False, True, True]
    assert len(await _promote(database, most=2)) == 1
    assert await _promote(database, most=2) == []


async def test_due_order_is_kept(database: Database, ours: Tenant) -> None:
    """Among items of one priority promoted together, the longest due is claimed first."""
    five, twenty, ten = await _for_later(database, ours, 5, 20, 10)
    await _promote(database)
    assert [item.id for item in await claim_some(database, ours)] == [twenty, ten, five]


async def test_the_queue_of_each_item_is_told(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """The answer names the queue of every item promoted, across organizations, so that its workers can be woken."""
    await _for_later(database, ours, 1, 1)
    await _for_later(database, theirs, 1)
    assert sorted(await _promote(database)) == sorted([ours.queue_id, ours.queue_id, theirs.queue_id])


async def test_what_another_transaction_holds_is_skipped_without_waiting(database: Database, ours: Tenant) -> None:
    """A promotion passes over rows that somebody else has locked, at once."""
    first, second = await _for_later(database, ours, 2, 1)
    async with database.unit_of_work(FLEET) as holder:
        await holder.execute(text("select from queue_items_live where id = :id for update").bindparams(id=first))
        async with database.unit_of_work(FLEET) as session:
            # A millisecond to wait for a lock: whoever waits at all fails.
            await session.execute(text("set local lock_timeout = '1ms'"))
            assert await promote(session, FLEET, most=10) == [ours.queue_id]
    rows = await rows_of(database, ours, [first, second])
    assert [row["ready"] for row in rows] == [False, True]
