from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest
from tests.fixtures.items import (
    FLEET,
    bring_due,
    claim_one,
    claim_some,
    enqueue_some,
    expire,
    rescue_all,
    row_of,
)
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.engine.advance import advance
from fairlead.engine.cancel import cancel
from fairlead.engine.claim import ClaimedItem
from fairlead.engine.complete import Completion, complete
from fairlead.engine.delete import delete
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.fail import Failure, fail
from fairlead.engine.release import release
from fairlead.engine.reports import Lease
from fairlead.engine.snooze import Snooze, snooze
from fairlead.engine.update import update

pytestmark = pytest.mark.anyio

Event: TypeAlias = Callable[[Database, Tenant, ClaimedItem], Awaitable[object]]


async def _advance(database: Database, most: int = 100) -> tuple[int, set[str]]:
    async with database.unit_of_work(FLEET) as session:
        return await advance(session, FLEET, most=most)


async def _ready(database: Database, owner: Tenant) -> list[str]:
    """Advance, and claim whatever may be claimed."""
    await _advance(database)
    return [item.id for item in await claim_some(database, owner)]


async def _completed(database: Database, _owner: Tenant, item: ClaimedItem) -> None:
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(item)])


async def _failed_for_good(database: Database, _owner: Tenant, item: ClaimedItem) -> None:
    async with database.unit_of_work(FLEET) as session:
        await fail(session, FLEET, failures=[Failure(item, "no", give_up=True)])


async def _cancelled(database: Database, owner: Tenant, item: ClaimedItem) -> None:
    async with database.unit_of_work(owner.scope) as session:
        await cancel(session, owner.scope, item_ids=[item.id])
        await end_cancelled(session, owner.scope, leases=[item])


async def _rescued_for_good(database: Database, _owner: Tenant, item: ClaimedItem) -> None:
    await tell(database, "update queue_items_live set max_attempts = attempts where id = :id", id=item.id)
    await expire(database, item.lease)
    await rescue_all(database)


async def _released(database: Database, _owner: Tenant, item: ClaimedItem) -> None:
    async with database.unit_of_work(FLEET) as session:
        await release(session, FLEET, leases=[item.lease])


async def _released_and_deleted(database: Database, owner: Tenant, item: ClaimedItem) -> None:
    await _released(database, owner, item)
    async with database.unit_of_work(owner.scope) as session:
        await delete(session, owner.scope, item_ids=[item.id])


async def _failed(database: Database, _owner: Tenant, item: ClaimedItem) -> None:
    async with database.unit_of_work(FLEET) as session:
        await fail(session, FLEET, failures=[Failure(item, "no", delay_seconds=3600)])


async def _snoozed(database: Database, _owner: Tenant, item: ClaimedItem) -> None:
    async with database.unit_of_work(FLEET) as session:
        await snooze(session, FLEET, snoozes=[Snooze(item.lease, 3600)])


async def _rescued(database: Database, _owner: Tenant, item: ClaimedItem) -> None:
    await expire(database, item.lease)
    await rescue_all(database)


ENDS: list[Event] = [_completed, _failed_for_good, _cancelled, _rescued_for_good, _released_and_deleted]
COMES_BACK: list[Event] = [_released, _failed, _snoozed, _rescued]


async def test_items_of_a_key_wait_for_their_turn(database: Database, ours: Tenant) -> None:
    """Without an advance none is ready, with it the first of each key is, and what has no key always is."""
    firsts = [(await enqueue_some(database, ours, 2, ordering_key=key))[0] for key in ("a", "b")]
    (free,) = await enqueue_some(database, ours)
    assert [item.id for item in await claim_some(database, ours)] == [free]
    assert await _advance(database) == (2, {ours.queue_id})
    assert [item.id for item in await claim_some(database, ours)] == firsts
    assert await _ready(database, ours) == []


@pytest.mark.parametrize("ends", ENDS)
async def test_whatever_ends_the_head_lets_the_next_forward(database: Database, ours: Tenant, ends: Event) -> None:
    """However the item whose turn it was ends, the next of its key comes forward, and only that one."""
    ids = await enqueue_some(database, ours, 3, ordering_key="k")
    await _advance(database)
    for position in range(2):
        await ends(database, ours, await claim_one(database, ours))
        assert await _advance(database) == (1, {ours.queue_id})
        rows = [await row_of(database, ours, item_id) for item_id in ids[position + 1 :]]
        assert [(row["blocked"], row["ready"]) for row in rows] == [(False, True), (True, False)][: len(rows)]


@pytest.mark.parametrize("comes_back", COMES_BACK)
async def test_a_head_that_comes_back_keeps_its_turn(database: Database, ours: Tenant, comes_back: Event) -> None:
    """While an item is given back, put off or waits for its next attempt, no other of its key comes forward."""
    first, second = await enqueue_some(database, ours, 2, ordering_key="k")
    await _advance(database)
    await comes_back(database, ours, await claim_one(database, ours))
    assert await _ready(database, ours) in ([first], [])
    assert (await row_of(database, ours, second))["blocked"]
    await bring_due(database)
    assert {*await _ready(database, ours)} <= {first}
    assert (await row_of(database, ours, first))["status"] == "processing"


async def test_a_blocked_item_that_goes_makes_room_for_nobody(database: Database, ours: Tenant) -> None:
    """Cancelling or deleting one in the middle changes nothing for the head, and the rest stay in order."""
    ids = await enqueue_some(database, ours, 4, ordering_key="k")
    assert await _ready(database, ours) == ids[:1]
    async with database.unit_of_work(ours.scope) as session:
        await cancel(session, ours.scope, item_ids=[ids[1]])
        await delete(session, ours.scope, item_ids=[ids[2]])
    assert await _ready(database, ours) == []
    async with database.unit_of_work(ours.scope) as session:
        await cancel(session, ours.scope, item_ids=[ids[0]])
        await end_cancelled(session, ours.scope, leases=[Lease(ours.organization_id, ids[0], 1)])
    assert await _ready(database, ours) == [ids[3]]


async def test_priorities_do_not_overtake_inside_a_key(database: Database, ours: Tenant) -> None:
    """Items of one key are worked in the order they were enqueued, whatever their priorities."""
    (low,) = await enqueue_some(database, ours, ordering_key="k")
    await enqueue_some(database, ours, ordering_key="k", priority=9)
    assert await _ready(database, ours) == [low]


async def test_an_item_for_later_holds_its_key(database: Database, ours: Tenant) -> None:
    """A head that is for later comes forward and waits until it is due, and its key with it."""
    (later,) = await enqueue_some(database, ours, ordering_key="k", delay_seconds=3600.0)
    await enqueue_some(database, ours, ordering_key="k")
    assert await _advance(database) == (2, set())
    assert await claim_some(database, ours) == []
    await bring_due(database)
    assert await _ready(database, ours) == [later]


async def test_keys_of_other_queues_and_organizations_are_other_keys(
    database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """The same key elsewhere is held up by nothing here."""
    heads = [(await enqueue_some(database, owner, 2, ordering_key="k"))[0] for owner in (ours, theirs)]
    assert await _advance(database) == (2, {ours.queue_id, theirs.queue_id})
    assert [item.id for owner in (ours, theirs) for item in await claim_some(database, owner)] == heads


async def test_notes_are_read_in_bounded_batches(database: Database, ours: Tenant) -> None:
    """An advance reads at most as many notes as told, the oldest first, and says how many there were."""
    for key in "abc":
        await enqueue_some(database, ours, ordering_key=key)
    assert [(await _advance(database, 2))[0] for _ in range(3)] == [2, 1, 0]
    assert len(await claim_some(database, ours)) == 3


async def test_a_note_about_a_held_item_stays(database: Database, ours: Tenant) -> None:
    """When somebody has the next item locked, an advance waits for nobody and the note is there the next time."""
    (head,) = await enqueue_some(database, ours, ordering_key="k")
    async with database.unit_of_work(ours.scope) as session:
        await update(session, ours.scope, item_id=head, changes={"priority": 1})
        assert await _advance(database) == (0, set())
    assert await _advance(database) == (1, {ours.queue_id})
    assert await _ready(database, ours) == [head]


async def test_a_blocked_item_may_be_changed(database: Database, ours: Tenant) -> None:
    """Changing when a blocked item is due leaves it blocked and in its place; it holds when its turn has come."""
    first, second, third = await enqueue_some(database, ours, 3, ordering_key="k", delay_seconds=3600.0)
    for item_id in (third, second, first):
        async with database.unit_of_work(ours.scope) as session:
            assert await update(session, ours.scope, item_id=item_id, changes={"scheduled_for": None})
    assert await _ready(database, ours) == [first]
