from __future__ import annotations

import pytest
from tests.fixtures.accounts import differences, taken
from tests.fixtures.items import FLEET, claim_some, claimed, enqueue_some, one_in_each_status
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.clear import clear, empty, forget
from fairlead.engine.enqueue import NewItem
from fairlead.engine.enqueue_limited import enqueue_limited, room_for

pytestmark = pytest.mark.anyio

KEPT_BESIDE = ("queue_items", "item_counters", "slots", "depth_turns", "ordering_turns")


async def _fill(database: Database, owner: Tenant) -> None:
    """Let a queue have something of everything."""
    await one_in_each_status(database, owner)
    await enqueue_some(database, owner, 2, ordering_key="k")
    async with database.unit_of_work(owner.scope) as session:
        await room_for(session, owner.scope, queue_id=owner.queue_id)


async def _left(database: Database, owner: Tenant) -> dict[str, int]:
    queue = {"organization": owner.organization_id, "queue": owner.queue_id}
    counts = {}
    for table in KEPT_BESIDE:
        where = "organization_id = :organization and queue_id = :queue"
        [[counts[table]]] = await tell(database, f"select count(*) from {table} where {where}", **queue)  # noqa: S608 - our own names
    return counts


async def test_nothing_of_a_cleared_queue_is_left(database: Database) -> None:
    """Items in every status, counters, slots, turns and notes of the queue go, and of no other queue."""
    ours, theirs = [await make_tenant(database, max_concurrency=9, max_depth=99) for _ in range(2)]
    for owner in (ours, theirs):
        await tell(database, "update queues set max_depth = null")
        await _fill(database, owner)
        await tell(database, "update queues set max_depth = 99")
        async with database.unit_of_work(owner.scope) as session:
            await room_for(session, owner.scope, queue_id=owner.queue_id)
    before = await _left(database, theirs)
    assert min(before.values()) > 0
    async with database.unit_of_work(ours.scope) as session:
        await clear(session, ours.scope, queue_id=ours.queue_id)
    assert set((await _left(database, ours)).values()) == {0}
    assert await _left(database, theirs) == before
    assert await differences(database) == []


async def test_a_cleared_queue_gives_the_organizations_slots_back(database: Database) -> None:
    """What was being worked on in the queue takes none of its organization's slots any more."""
    owner = await make_tenant(database, max_concurrency=3)
    await claimed(database, owner, 3)
    assert await taken(database, owner) == (3, 3)
    async with database.unit_of_work(owner.scope) as session:
        await clear(session, owner.scope, queue_id=owner.queue_id)
    assert await taken(database, owner) == (0, 0)
    assert await tell(database, "select queue_id from slots") == [("",)]


async def test_a_forgotten_organization_leaves_nothing(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Counters and notes of one organization go, and of no other."""
    for owner in (ours, theirs):
        await enqueue_some(database, owner, ordering_key="k")
    async with database.unit_of_work(FLEET) as session:
        await forget(session, FLEET, organization_id=ours.organization_id)
    for table in ("item_counters", "ordering_turns"):
        found = await tell(database, f"select distinct organization_id from {table}")  # noqa: S608 - our own names
        assert found == [(theirs.organization_id,)]


async def test_periods_go_with_their_queue(database: Database, ours: Tenant) -> None:
    """A key that is held for a time is forgotten with the queue's own row."""
    item = NewItem("i" * 24, {}, unique_key="k", unique_seconds=60.0)
    async with database.unit_of_work(ours.scope) as session:
        await enqueue_limited(session, ours.scope, queue_id=ours.queue_id, items=[item])
        await clear(session, ours.scope, queue_id=ours.queue_id)
    await tell(database, "delete from queues")
    assert await tell(database, "select 1 from unique_periods") == []
    assert await claim_some(database, ours) == []


async def test_an_emptied_queue_keeps_what_its_limits_go_by(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Items in every status go, and are counted; the accounts stay right, of taken slots and others too."""
    await tell(database, "update queues set max_concurrency = 9, rate_limit = 99")
    for owner in (ours, theirs):
        await one_in_each_status(database, owner)
        await enqueue_some(database, owner, 2, ordering_key="k")
    before = await _left(database, theirs)
    [[rate]] = await tell(database, "select rate_started from slots where queue_id = :id", id=ours.queue_id)
    async with database.unit_of_work(ours.scope) as session:
        removed = await empty(session, ours.scope, queue_id=ours.queue_id)
    assert removed == len(ItemStatus) + 2
    left = await _left(database, ours)
    assert left == {"queue_items": 0, "item_counters": 0, "slots": 1, "depth_turns": 0, "ordering_turns": 0}
    assert await tell(database, "select rate_started from slots where queue_id = :id", id=ours.queue_id) == [(rate,)]
    assert await _left(database, theirs) == before
    assert await differences(database) == []
