from __future__ import annotations

from typing import Any

import pytest
from tests.fixtures.accounts import differences
from tests.fixtures.failing import everything_in
from tests.fixtures.items import FLEET, claim_one, claim_some, enqueue_some, row_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import call, tell

from fairlead.db.session import Database
from fairlead.domain import limits
from fairlead.domain.ids import new_id
from fairlead.engine.complete import Completion, complete
from fairlead.errors import Conflict, NotFound, QueueFull, ValidationFailed
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items

pytestmark = pytest.mark.anyio

HELD: dict[str, dict[str, Any]] = {
    "active": {},
    "waiting": {"unique_while": "waiting"},
    "period": {"unique_seconds": 60},
}
EACH_WAY = pytest.mark.parametrize("held", HELD)


async def _enqueue(database: Database, owner: Tenant, *items: ItemInput) -> list[str]:
    return await call(database, owner.scope, enqueue_items, queue_id=owner.queue_id, items=items)


def _keyed(held: str, number: int = 0, **given: Any) -> ItemInput:
    return ItemInput({"n": number}, unique_key="key", **HELD[held], **given)


@EACH_WAY
async def test_a_held_key_is_refused_by_name(database: Database, ours: Tenant, held: str) -> None:
    """Unless told otherwise a key that is held refuses the whole batch, says which key, and leaves nothing."""
    await _enqueue(database, ours, _keyed(held))
    before = await everything_in(database)
    with pytest.raises(Conflict, match="'key' is held by another item"):
        await _enqueue(database, ours, ItemInput({}), _keyed(held))
    assert await everything_in(database) == before


@EACH_WAY
async def test_the_holder_is_returned(database: Database, ours: Tenant, held: str) -> None:
    """Asked to return, an enqueue gives the id of the item that is there, beside the new ones of the batch."""
    [holder] = await _enqueue(database, ours, _keyed(held, 1))
    plain, same = await _enqueue(database, ours, ItemInput({}), _keyed(held, 2, on_conflict="return"))
    assert (same, plain != holder) == (holder, True)
    assert (await row_of(database, ours, holder))["payload"] == {"n": 1}
    assert await differences(database) == []


@EACH_WAY
async def test_a_waiting_holder_is_given_the_new_payload(database: Database, ours: Tenant, held: str) -> None:
    """Asked to replace, an enqueue gives the waiting item the new payload and keeps all else of it."""
    [holder] = await _enqueue(database, ours, _keyed(held, 1, priority=3))
    assert await _enqueue(database, ours, _keyed(held, 2, priority=9, on_conflict="replace")) == [holder]
    row = await row_of(database, ours, holder)
    assert (row["payload"], row["priority"], row["status"]) == ({"n": 2}, 3, "waiting")


@EACH_WAY
async def test_a_holder_that_is_worked_on_stays_as_it_is(database: Database, ours: Tenant, held: str) -> None:
    """What is being worked on is not given another payload: its id comes back, or, the key being free, a new item's."""
    [holder] = await _enqueue(database, ours, _keyed(held, 1))
    item = await claim_one(database, ours)
    [answer] = await _enqueue(database, ours, _keyed(held, 2, on_conflict="replace"))
    assert (answer == holder) is (held != "waiting")
    assert (await row_of(database, ours, holder))["payload"] == {"n": 1}
    async with database.unit_of_work(FLEET) as session:
        assert await complete(session, FLEET, completions=[Completion(item)]) == {holder}


@EACH_WAY
async def test_a_key_that_comes_twice_in_one_batch_is_one_item(database: Database, ours: Tenant, held: str) -> None:
    """Of two items with one key the first enters, with the payload of the last where that replaces."""
    for policy, number in (("return", 1), ("replace", 2)):
        items = [_keyed(held, n, on_conflict=policy)._replace(unique_key=policy) for n in (1, 2)]
        first, plain, second = await _enqueue(database, ours, items[0], ItemInput({}), items[1])
        assert (first == second, first == plain) == (True, False)
        assert (await row_of(database, ours, first))["payload"] == {"n": number}
    before = await everything_in(database)
    with pytest.raises(Conflict, match="twice"):
        await _enqueue(database, ours, _keyed(held), ItemInput({}), _keyed(held))
    assert await everything_in(database) == before


async def test_policies_of_one_batch_hold_for_their_own_keys(database: Database, ours: Tenant) -> None:
    """Each item of a batch goes by its own policy."""
    keys = ("a", "b", "c")
    held = await _enqueue(database, ours, *(ItemInput({"n": 1}, unique_key=key) for key in keys[:2]))
    policies: tuple[Any, ...] = ("return", "replace", "reject")
    items = [ItemInput({"n": 2}, unique_key=k, on_conflict=p) for k, p in zip(keys, policies, strict=True)]
    answer = await _enqueue(database, ours, *items)
    assert answer[:2] == held
    payloads = [(await row_of(database, ours, item_id))["payload"]["n"] for item_id in answer]
    assert payloads == [1, 2, 2]


async def test_a_full_queue_takes_nothing(database: Database) -> None:
    """Up to its depth a queue takes items; one more is refused whole, and leaves nothing behind."""
    owner = await make_tenant(database, max_depth=5)
    assert len(await _enqueue(database, owner, *[ItemInput({})] * 3)) == 3
    before = await everything_in(database)
    with pytest.raises(QueueFull, match="takes 2 more"):
        await _enqueue(database, owner, *[ItemInput({})] * 3)
    assert await everything_in(database) == before
    assert len(await _enqueue(database, owner, *[ItemInput({})] * 2)) == 2
    with pytest.raises(QueueFull):
        await _enqueue(database, owner, ItemInput({}))


async def test_what_is_done_makes_room(database: Database) -> None:
    """Claimed items still count; finished ones do not."""
    owner = await make_tenant(database, max_depth=2)
    await _enqueue(database, owner, *[ItemInput({})] * 2)
    items = await claim_some(database, owner)
    with pytest.raises(QueueFull):
        await _enqueue(database, owner, ItemInput({}))
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(items[0])])
    assert await _enqueue(database, owner, ItemInput({}))
    assert await differences(database) == []


async def test_a_full_organization_takes_nothing(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """The depth of an organization holds for all its queues together, and for nobody else's."""
    statement = "update organizations set max_queue_depth = 3 where id = :id"
    await tell(database, statement, id=ours.organization_id)
    await enqueue_some(database, theirs, 5)
    await _enqueue(database, ours, *[ItemInput({})] * 3)
    with pytest.raises(QueueFull):
        await _enqueue(database, ours, ItemInput({}))
    assert await _enqueue(database, theirs, ItemInput({}))


async def test_a_full_queue_returns_its_holders(database: Database) -> None:
    """An item that is there already needs no room."""
    owner = await make_tenant(database, max_depth=1)
    [holder] = await _enqueue(database, owner, _keyed("active", 1))
    for policy in ("return", "replace"):
        assert await _enqueue(database, owner, _keyed("active", 2, on_conflict=policy)) == [holder]


async def test_a_caller_may_catch_a_full_queue(database: Database) -> None:
    """Inside a caller's transaction a refusal undoes nothing but itself, and the rest is committed."""
    owner = await make_tenant(database, max_depth=2)
    async with database.unit_of_work(owner.scope) as session:
        for count in (1, 5, 1):
            try:
                await enqueue_items(session, owner.scope, queue_id=owner.queue_id, items=[ItemInput({})] * count)
            except QueueFull:
                assert count == 5
    assert len(await claim_some(database, owner)) == 2
    assert await differences(database) == []


@pytest.mark.parametrize("item", [ItemInput({}), _keyed("active"), _keyed("period")], ids=["plain", "active", "period"])
async def test_a_queue_that_is_not_here_is_told(
    database: Database, ours: Tenant, theirs: Tenant, item: ItemInput
) -> None:
    """An unknown queue, a deleted one and another organization's raise NotFound, unique or not."""
    await tell(database, "update queues set deleted_at = now() where id = :id", id=ours.queue_id)
    for queue_id in (new_id(), "short", "\x00", theirs.queue_id, ours.queue_id):
        with pytest.raises(NotFound):
            await _enqueue(database, Tenant(ours.organization_id, queue_id), item)


BAD_KEYS: dict[str, list[Any]] = {
    "ordering_key": ["", "a\x00", 1, "x" * (limits.KEY_CHARACTERS + 1)],
    "unique_key": ["", "\ud800", b"a", "x" * (limits.KEY_CHARACTERS + 1)],
    "unique_while": ["ever", None],
    "unique_seconds": [0, -1, "1", limits.DELAY_SECONDS + 1],
    "on_conflict": ["ignore", None],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in BAD_KEYS for value in BAD_KEYS[field]])
async def test_impossible_keys_are_refused(database: Database, ours: Tenant, field: str, value: Any) -> None:
    """Whatever cannot be a key or a policy is refused by the name of its field."""
    with pytest.raises(ValidationFailed) as refused:
        await _enqueue(database, ours, ItemInput({}, **{"unique_key": "k", field: value}))
    assert f"items[0].{field}" in refused.value.details


async def test_a_period_is_for_a_key(database: Database, ours: Tenant) -> None:
    """A period without a key to hold is refused."""
    with pytest.raises(ValidationFailed, match="needs a unique_key"):
        await _enqueue(database, ours, ItemInput({}, unique_seconds=5))


async def test_a_replacement_is_not_stopped_by_a_holder_of_another_kind(database: Database, ours: Tenant) -> None:
    """Who wants a key while waiting is told its holder, which keeps it until it is finished, though it is worked on."""
    [holder] = await _enqueue(database, ours, _keyed("active", 1))
    await claim_one(database, ours)
    assert await _enqueue(database, ours, _keyed("waiting", 2, on_conflict="replace")) == [holder]


async def test_of_two_policies_for_one_key_the_stricter_holds(database: Database, ours: Tenant) -> None:
    """When a batch has a key twice with different policies, rejecting outweighs replacing, and that returning."""
    [holder] = await _enqueue(database, ours, _keyed("active", 1))
    both = [_keyed("active", 2, on_conflict="replace"), _keyed("active", 3, on_conflict="return")]
    assert await _enqueue(database, ours, *both) == [holder, holder]
    assert (await row_of(database, ours, holder))["payload"] == {"n": 2}
    with pytest.raises(Conflict):
        await _enqueue(database, ours, _keyed("active", 4), _keyed("active", 5, on_conflict="return"))
