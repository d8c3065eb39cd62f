from __future__ import annotations

import pytest
from tests.fixtures.accounts import differences
from tests.fixtures.items import FLEET, claim_one, claim_some, enqueue_some, item_in, row_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import LIVE, ItemStatus
from fairlead.engine.advance import advance
from fairlead.engine.complete import Completion, complete
from fairlead.engine.enqueue import NewItem
from fairlead.engine.enqueue_limited import enqueue_limited, holders_of, room_for
from fairlead.errors import NotFound

pytestmark = pytest.mark.anyio


def _item(key: str, held_while: str = "active") -> NewItem:
    if held_while == "period":
        return NewItem(new_id(), {}, unique_key=key, unique_seconds=60.0)
    return NewItem(new_id(), {}, unique_key=key, unique_while="waiting" if held_while == "waiting" else "active")


async def _enqueue(database: Database, owner: Tenant, *items: NewItem) -> frozenset[str]:
    async with database.unit_of_work(owner.scope) as session:
        return await enqueue_limited(session, owner.scope, queue_id=owner.queue_id, items=items)


async def _holders(database: Database, owner: Tenant, *keys: str) -> dict[str, str]:
    async with database.unit_of_work(owner.scope) as session:
        return await holders_of(session, owner.scope, queue_id=owner.queue_id, keys=keys)


async def _room(database: Database, owner: Tenant) -> int | None:
    async with database.unit_of_work(owner.scope) as session:
        return await room_for(session, owner.scope, queue_id=owner.queue_id)


HELD = pytest.mark.parametrize("held_while", ["active", "waiting", "period"])


@HELD
async def test_a_key_that_is_held_lets_nobody_in(database: Database, ours: Tenant, held_while: str) -> None:
    """Of a batch those items enter whose keys nobody holds; who holds the others can be asked."""
    first = _item("a", held_while)
    assert await _enqueue(database, ours, first) == {first.id}
    second, plain = _item("b", held_while), NewItem(new_id(), {})
    assert await _enqueue(database, ours, _item("a", held_while), second, plain) == {second.id, plain.id}
    assert await _holders(database, ours, "a", "b", "c") == {"a": first.id, "b": second.id}
    assert await differences(database) == []


async def test_ways_of_holding_a_key_meet(database: Database, ours: Tenant) -> None:
    """A key that is held while its item waits is held against one who wants it while active, and the other way."""
    for key, one, other in (("a", "active", "waiting"), ("b", "waiting", "active")):
        holder = _item(key, one)
        assert await _enqueue(database, ours, holder) == {holder.id}
        assert await _enqueue(database, ours, _item(key, other)) == frozenset()


@HELD
async def test_a_key_is_its_queues_own(database: Database, ours: Tenant, theirs: Tenant, held_while: str) -> None:
    """The same key in another queue or organization is another key."""
    other = Tenant(ours.organization_id, new_id())
    statement = "insert into queues (id, organization_id, name) values (:queue, :organization, 'other')"
    await tell(database, statement, queue=other.queue_id, organization=other.organization_id)
    for owner in (ours, theirs, other):
        item = _item("a", held_while)
        assert await _enqueue(database, owner, item) == {item.id}
        assert await _holders(database, owner, "a") == {"a": item.id}


@HELD
async def test_a_key_is_free_again(database: Database, ours: Tenant, held_while: str) -> None:
    """A key held while waiting is free after the first claim, while active after the end, for a period after that."""
    items = [_item("a", held_while) for _ in range(3)]
    await _enqueue(database, ours, items[0])
    claimed = await claim_one(database, ours)
    assert bool(await _enqueue(database, ours, items[1])) is (held_while == "waiting")
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(claimed)])
    assert bool(await _enqueue(database, ours, items[2])) is (held_while == "active")
    if held_while == "period":
        await tell(database, "update unique_periods set expires_at = statement_timestamp()")
        assert await _holders(database, ours, "a") == {}
        assert await _enqueue(database, ours, items[2]) == {items[2].id}


async def test_ordering_and_unique_keys_go_together(database: Database, ours: Tenant) -> None:
    """An item may have both: it is blocked until its turn, and holds its key meanwhile."""
    item = _item("a")._replace(ordering_key="k")
    await _enqueue(database, ours, item)
    assert (await row_of(database, ours, item.id))["blocked"]
    assert await _enqueue(database, ours, _item("a")._replace(ordering_key="k")) == frozenset()
    async with database.unit_of_work(FLEET) as session:
        assert await advance(session, FLEET, most=9) == (1, {ours.queue_id})
    assert (await claim_one(database, ours)).id == item.id


async def test_a_limited_queue_takes_items_as_any_other(database: Database) -> None:
    """Where the depth is limited items enter here, and keep the order given and all their wishes."""
    owner = await make_tenant(database, max_depth=10, max_attempts=7)
    items = [NewItem(new_id(), {"n": n}, priority=3, tags=("a",), task="t", trace="x") for n in range(3)]
    assert await _enqueue(database, owner, *items) == {item.id for item in items}
    row = await row_of(database, owner, items[0].id)
    wishes = {"priority": 3, "tags": ["a"], "task": "t", "trace": "x", "max_attempts": 7, "payload": {"n": 0}}
    assert {name: row[name] for name in wishes} == wishes
    assert [item.id for item in await claim_some(database, owner)] == [item.id for item in items]
    assert await differences(database) == []


async def test_there_is_any_room_without_limits(database: Database, ours: Tenant) -> None:
    """Where nothing is limited there is room for any number, and no turn is taken."""
    assert await _room(database, ours) is None
    assert await tell(database, "select 1 from depth_turns") == []


@pytest.mark.parametrize("status", ItemStatus)
async def test_what_lives_takes_room(database: Database, status: ItemStatus) -> None:
    """Waiting and processing items count, finished ones do not."""
    owner = await make_tenant(database)
    await item_in(database, owner, status)
    await tell(database, "update queues set max_depth = 10")
    assert await _room(database, owner) == (9 if status in LIVE else 10)


async def test_the_organizations_limit_counts_all_its_queues(database: Database, ours: Tenant) -> None:
    """The lesser of what the queue and the organization leave is the room; it says by how many there are too many."""
    other = Tenant(ours.organization_id, new_id())
    statement = "insert into queues (id, organization_id, name) values (:queue, :organization, 'other')"
    await tell(database, statement, queue=other.queue_id, organization=other.organization_id)
    await enqueue_some(database, ours, 3)
    await enqueue_some(database, other, 2)
    for queue_most, most, room in ((None, 9, 4), (5, 9, 2), (4, 20, 1), (2, 20, -1), (20, 3, -2)):
        await tell(database, "update queues set max_depth = :most", most=queue_most)
        await tell(database, "update organizations set max_queue_depth = :most", most=most)
        assert await _room(database, ours) == room


async def test_there_is_no_room_in_what_is_not_there(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A queue that is unknown, another organization's or deleted answers NotFound, and takes nothing."""
    await tell(database, "update queues set deleted_at = now() where id = :id", id=ours.queue_id)
    for queue_id in (new_id(), theirs.queue_id, ours.queue_id):
        nowhere = Tenant(ours.organization_id, queue_id)
        with pytest.raises(NotFound):
            await _room(database, nowhere)
        assert await _enqueue(database, nowhere, NewItem(new_id(), {}), _item("a", "period")) == frozenset()
    assert await tell(database, "select 1 from queue_items union all select 1 from unique_periods") == []


async def test_items_keep_the_order_given(database: Database, ours: Tenant) -> None:
    """Items are claimed in the order in which they were given, whatever their unique keys, and some without one."""
    items = [_item("c"), _item("a"), NewItem(new_id(), {}), _item("b")]
    await _enqueue(database, ours, *items)
    assert [item.id for item in await claim_some(database, ours)] == [item.id for item in items]
