from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from tests.fixtures.items import (
    FLEET,
    claim_one,
    claim_some,
    enqueue_some,
    item_in,
    row_of,
    sources_of,
)
from tests.fixtures.organizations import Tenant, make_tenant

from fairlead.db.session import Database
from fairlead.domain.ids import new_id, new_ids
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.claim import Source, claim
from fairlead.engine.enqueue import NewItem, enqueue
from fairlead.engine.release import release
from fairlead.engine.reports import Lease

pytestmark = pytest.mark.anyio


async def test_higher_priority_first_then_arrival(database: Database, ours: Tenant) -> None:
    """Inside a queue a claim takes higher priorities first, and equal ones in the order they came."""
    ids = new_ids(4)
    priorities = (0, 5, 0, 5)
    items = [NewItem(id=i, payload={}, priority=p) for i, p in zip(ids, priorities, strict=True)]
    async with database.unit_of_work(ours.scope) as session:
        await enqueue(session, ours.scope, queue_id=ours.queue_id, items=items)

    async with database.unit_of_work(FLEET) as session:
        sources = [Source(ours.organization_id, ours.queue_id, 10)]
        claimed = await claim(session, FLEET, sources=sources, worker_id="w")

    assert [ids[1], ids[3], ids[0], ids[2]] == [item.id for item in claimed]


async def test_a_short_claim_takes_the_first_in_order(database: Database, ours: Tenant) -> None:
    """A claim for fewer than there are takes exactly the first, not just any."""
    low = await enqueue_some(database, ours, 3)
    high = await enqueue_some(database, ours, 3, priority=1)
    taken = [[item.id for item in await claim_some(database, ours, take)] for take in (2, 2, 2)]
    assert taken == [high[:2], [high[2], low[0]], low[1:]]


@pytest.mark.parametrize("status", ItemStatus)
async def test_only_waiting_items_are_claimed(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status a claim does what the life cycle says; whatever it may not take it leaves as it was."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    taken = [item.id for item in await claim_some(database, ours)]

    after = await row_of(database, ours, lease.id)
    if status in sources_of("claim"):
        assert (taken, after["status"]) == ([lease.id], "processing")
    else:
        assert (taken, after) == ([], before)


async def test_a_claim_grants_a_lease(database: Database, ours: Tenant) -> None:
    """Claiming counts the attempt and the claim, notes the worker and sets the lease by the database's clock."""
    (item_id,) = await enqueue_some(database, ours, task="mail", tags=("a",), trace="t", priority=3)
    (item,) = await claim_some(database, ours, worker_id="worker-7")
    row = await row_of(database, ours, item_id)

    assert (row["status"], row["attempts"], row["claims"], row["worker_id"]) == ("processing", 1, 1, "worker-7")
    started, ends = (datetime.fromisoformat(row[name]) for name in ("started_at", "lease_expires_at"))
    assert ends - started == timedelta(seconds=30)
    assert item.lease == Lease(ours.organization_id, item_id, 1)
    assert (item.lease_expires_at, item.created_at) == (ends, datetime.fromisoformat(row["created_at"]))
    seen = {
        name: getattr(item, name) for name in ("queue_id", "payload", "priority", "attempts", "max_attempts", "seq")
    }
    assert seen == {name: row[name] for name in seen}
    assert (item.task, item.tags, item.trace) == ("mail", ["a"], "t")


async def test_claims_count_on_while_attempts_are_given_back(database: Database, ours: Tenant) -> None:
    """Each lease of an item has a number of its own, whatever happens to its attempts."""
    await enqueue_some(database, ours)
    numbers = []
    for _ in range(3):
        item = await claim_one(database, ours)
        numbers.append((item.claims, item.attempts))
        async with database.unit_of_work(FLEET) as session:
            await release(session, FLEET, leases=[item.lease])
    assert numbers == [(1, 1), (2, 1), (3, 1)]


async def test_one_claim_serves_several_sources(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """One claim takes from each source at most what it was told to, across organizations."""
    await enqueue_some(database, ours, 5)
    await enqueue_some(database, theirs, 5)
    third = await make_tenant(database)
    await enqueue_some(database, third, 1)
    sources = [
        Source(owner.organization_id, owner.queue_id, take) for owner, take in ((ours, 2), (theirs, 3), (third, 4))
    ]

    async with database.unit_of_work(FLEET) as session:
        items = await claim(session, FLEET, sources=sources, worker_id="w")

    counts = {
        owner: sum(item.organization_id == owner.organization_id for item in items) for owner in (ours, theirs, third)
    }
    assert counts == {ours: 2, theirs: 3, third: 1}


async def test_a_source_named_twice_hands_no_item_out_twice(database: Database, ours: Tenant) -> None:
    """Naming a queue twice in one claim grants no second lease on an item."""
    await enqueue_some(database, ours, 4)
    source = Source(ours.organization_id, ours.queue_id, 2)
    async with database.unit_of_work(FLEET) as session:
        items = await claim(session, FLEET, sources=[source, source], worker_id="w")
    assert len({item.id for item in items}) == len(items)
    assert {item.claims for item in items} == {1}


async def test_no_source_or_an_unknown_one_gives_nothing(database: Database, ours: Tenant) -> None:
    """Without sources, with an unknown queue, or asked for no item at all, a claim comes back empty."""
    await enqueue_some(database, ours)
    for sources in (
        [],
        [Source(ours.organization_id, new_id(), 5)],
        [Source(new_id(), ours.queue_id, 5)],
        [Source(ours.organization_id, ours.queue_id, 0)],
    ):
        async with database.unit_of_work(FLEET) as session:
            assert await claim(session, FLEET, sources=sources, worker_id="w") == []


async def test_a_tenant_claims_its_own_items(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """In a tenant's scope its own source is served and another organization's is left out."""
    (item_id,) = await enqueue_some(database, ours)
    await enqueue_some(database, theirs)
    sources = [Source(owner.organization_id, owner.queue_id, 5) for owner in (theirs, ours)]
    async with database.unit_of_work(ours.scope) as session:
        items = await claim(session, ours.scope, sources=sources, worker_id="w")
    assert [item.id for item in items] == [item_id]


async def test_what_another_transaction_holds_is_skipped_without_waiting(database: Database, ours: Tenant) -> None:
    """A claim passes over rows that somebody else has locked and takes the next ones, at once."""
    ids = await enqueue_some(database, ours, 4)
    hold = text("select id from queue_items_live where id = any(:ids) for update").bindparams(ids=[ids[0], ids[2]])
    async with database.unit_of_work(FLEET) as holder:
        await holder.execute(hold)
        async with database.unit_of_work(FLEET) as session:
            # A millisecond to wait for a lock: whoever waits at all fails.
            await session.execute(text("set local lock_timeout = '1ms'"))
            sources = [Source(ours.organization_id, ours.queue_id, 10)]
            items = await claim(session, FLEET, sources=sources, worker_id="w")
    assert [item.id for item in items] == [ids[1], ids[3]]


async def test_items_for_later_are_not_claimed(database: Database, ours: Tenant) -> None:
    """An item that is not ready is passed over however high its priority."""
    await enqueue_some(database, ours, delay_seconds=3600.0, priority=100)
    (item_id,) = await enqueue_some(database, ours)
    assert [item.id for item in await claim_some(database, ours)] == [item_id]
