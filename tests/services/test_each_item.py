from __future__ import annotations

import random
from typing import Any, get_args

import pytest
from tests.fixtures.items import claim_some
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.domain.ids import new_id, new_ids
from fairlead.errors import Conflict, FairleadError, NotFound, QueueFull
from fairlead.services.each_item import enqueue_each
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items, new_item
from fairlead.services.unique_items import OnConflict

pytestmark = pytest.mark.anyio

STORED = """
select payload -> 'n', unique_key, unique_while from queue_items_live where queue_id = :queue order by payload -> 'n'
"""
LIMIT = "update queues set max_depth = :most where id = :queue"


async def _together(database: Database, owner: Tenant, items: list[ItemInput]) -> list[Any]:
    new = [new_item(item_id, item) for item_id, item in zip(new_ids(len(items)), items, strict=True)]
    policies = [item.on_conflict for item in items]
    async with database.unit_of_work(owner.scope) as session:
        return list(await enqueue_each(session, owner.scope, queue_id=owner.queue_id, items=new, policies=policies))


async def _one_after_the_other(database: Database, owner: Tenant, items: list[ItemInput]) -> list[Any]:
    answers: list[Any] = []
    for item in items:
        try:
            async with database.unit_of_work(owner.scope) as session:
                answers += await enqueue_items(session, owner.scope, queue_id=owner.queue_id, items=[item])
        except FairleadError as error:
            answers.append(error)
    return answers


def _named(answers: list[Any]) -> list[Any]:
    """Return ids as the order in which they come up first, and errors as their kinds."""
    order: dict[str, int] = {}
    return [order.setdefault(it, len(order)) if isinstance(it, str) else type(it) for it in answers]


def _drawn(chance: random.Random, number: int) -> ItemInput:
    key = chance.choice([None, None, "a", "b", "c", "d"])
    if key is None:
        return ItemInput({"n": number})
    policy = chance.choice(get_args(OnConflict))
    return ItemInput(
        {"n": number}, unique_key=key, unique_while=chance.choice(["active", "waiting"]), on_conflict=policy
    )


async def _stored(database: Database, owner: Tenant) -> list[Any]:
    return [tuple(row) for row in await tell(database, STORED, queue=owner.queue_id)]


@pytest.mark.parametrize("max_depth", [None, 1, 4, 9])
@pytest.mark.parametrize("seed", range(4))
async def test_together_is_as_one_after_the_other(database: Database, max_depth: int | None, seed: int) -> None:
    """Whoever holds their keys and whatever room there is, each item gets what it would have got by itself."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    owners = [await make_tenant(database), await make_tenant(database)]
    batches = [[_drawn(chance, 10 * batch + place) for place in range(10)] for batch in range(3)]
    answers: list[list[Any]] = [[], []]
    for batch in batches:
        for owner, way, got in zip(owners, (_together, _one_after_the_other), answers, strict=True):
            got.extend(await way(database, owner, batch))
            await claim_some(database, owner, 2)
            await tell(database, LIMIT, most=max_depth, queue=owner.queue_id)
    assert _named(answers[0]) == _named(answers[1])
    assert await _stored(database, owners[0]) == await _stored(database, owners[1])


async def test_everybody_has_an_own_error_that_says_why(database: Database) -> None:
    """Errors are not shared, and a conflict names the key."""
    owner = await make_tenant(database, max_depth=1)
    held = ItemInput({}, unique_key="k")
    answers = await _together(database, owner, [held, held, held, ItemInput({}), ItemInput({})])
    assert _named(answers) == [0, Conflict, Conflict, QueueFull, QueueFull]
    assert len({id(answer) for answer in answers}) == 5
    assert answers[1].details == {"unique_key": "'k' is held by another item of this queue"}


async def test_a_queue_that_is_not_there_is_not_found(database: Database, ours: Tenant) -> None:
    """There is nothing to ask each item about."""
    nowhere = Tenant(ours.organization_id, new_id())
    with pytest.raises(NotFound):
        await _together(database, nowhere, [ItemInput({}, unique_key="k")])
