from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import pytest
from tests.fixtures.accounts import differences
from tests.fixtures.items import FLEET, claim_one, row_of
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import call, tell
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database
from fairlead.engine.complete import Completion, complete
from fairlead.errors import Conflict, TransactionConflict
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items

pytestmark = pytest.mark.anyio

PRODUCERS = 50
HELD: dict[str, dict[str, Any]] = {
    "active": {},
    "waiting": {"unique_while": "waiting"},
    "period": {"unique_seconds": 60},
}
POLICIES = ("reject", "return", "replace")


def _item(held: str, policy: str, number: int = 0) -> ItemInput:
    given: dict[str, Any] = {"on_conflict": policy, **HELD[held]}
    return ItemInput({"n": number}, unique_key="key", **given)


async def _enqueue(database: Database, owner: Tenant, *items: ItemInput) -> list[str]:
    return await call(database, owner.scope, enqueue_items, queue_id=owner.queue_id, items=items)


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("policy", POLICIES)
async def test_of_fifty_with_one_key_one_enters(database: Database, ours: Tenant, held: str, policy: str) -> None:
    """Fifty that enqueue the same key at once make one item; the others are refused, or are told which it is."""
    answers = Counter[str]()

    async def produces(number: int) -> None:
        try:
            [answer] = await _enqueue(database, ours, _item(held, policy, number))
        except Conflict:
            answer = "refused"
        answers[answer] += 1

    async with anyio.create_task_group() as tasks:
        for number in range(PRODUCERS):
            tasks.start_soon(produces, number)
    [item_id] = [row.id for row in await tell(database, "select id from queue_items")]
    expected = {item_id: 1, "refused": PRODUCERS - 1} if policy == "reject" else {item_id: PRODUCERS}
    assert answers == expected
    assert await differences(database) == []


@pytest.mark.parametrize("held", HELD)
async def test_who_comes_second_waits_for_the_first_to_commit(database: Database, ours: Tenant, held: str) -> None:
    """While a key's holder is not committed the next one waits; when it is rolled back the next one enters."""
    answers: list[list[str]] = []

    async def second() -> None:
        answers.append(await _enqueue(database, ours, _item(held, "reject", 2)))

    async def first_comes_to_nothing(tasks: anyio.abc.TaskGroup) -> None:
        async with database.unit_of_work(ours.scope) as session:
            await enqueue_items(session, ours.scope, queue_id=ours.queue_id, items=[_item(held, "reject", 1)])
            tasks.start_soon(second)
            await until_blocked(database)
            raise RuntimeError("the process dies here")

    async with anyio.create_task_group() as tasks:
        with pytest.raises(RuntimeError):
            await first_comes_to_nothing(tasks)
    [[item_id]] = answers
    assert (await row_of(database, ours, item_id))["payload"] == {"n": 2}
    assert await differences(database) == []


@pytest.mark.parametrize("held", ["active", "period"])
async def test_keys_in_opposite_orders_never_deadlock(database: Database, ours: Tenant, held: str) -> None:
    """Batches with the same keys in opposite orders wait for each other in one order: each key is one item."""
    keys = [f"key {number}" for number in range(20)]
    answers: list[list[str]] = []

    async def produces(order: int) -> None:
        items = [_item(held, "return")._replace(unique_key=key) for key in keys[::order]]
        answers.append((await _enqueue(database, ours, *items))[::order])

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(produces, 1 - 2 * (number % 2))
    assert len({tuple(answer) for answer in answers}) == 1
    assert [row.n for row in await tell(database, "select count(*) as n from queue_items")] == [len(keys)]


async def test_a_key_is_used_again_and_again(database: Database, ours: Tenant) -> None:
    """While a key's holder is worked off again and again, each enqueue makes an item or names one: never two live."""
    made: set[str] = set()
    left = 8

    async def produces() -> None:
        nonlocal left
        for _ in range(10):
            made.update(await _enqueue(database, ours, _item("active", "return")))
        left -= 1

    async def works_off() -> None:
        while left:
            rows = await tell(database, "select id from queue_items_live")
            assert len(rows) <= 1
            if rows:
                item = await claim_one(database, ours)
                async with database.unit_of_work(FLEET) as session:
                    await complete(session, FLEET, completions=[Completion(item)])

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(produces)
        tasks.start_soon(works_off)
    assert {row.id for row in await tell(database, "select id from queue_items")} == made
    assert await differences(database) == []


async def test_a_snapshot_that_is_too_old_says_so(database: Database, ours: Tenant) -> None:
    """Under repeatable read a key that was taken since the transaction began ends it as any other conflict does."""

    async def too_late() -> None:
        async with database.unit_of_work(ours.scope, isolation="repeatable read") as session:
            await enqueue_items(session, ours.scope, queue_id=ours.queue_id, items=[ItemInput({})])
            await _enqueue(database, ours, _item("active", "return"))
            await enqueue_items(session, ours.scope, queue_id=ours.queue_id, items=[_item("active", "return")])

    with pytest.raises(TransactionConflict):
        await too_late()
    assert [row.n for row in await tell(database, "select count(*) as n from queue_items")] == [1]
