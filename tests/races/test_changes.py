from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from tests.fixtures.items import (
    FLEET,
    claim_one,
    claim_some,
    claimed,
    enqueue_some,
    one_in_each_status,
    row_of,
)
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until_blocked

from fairlead.db.retry import transact
from fairlead.db.session import Database, Session
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.claim import ClaimedItem, Source, claim
from fairlead.engine.complete import Completion, complete
from fairlead.engine.delete import delete
from fairlead.engine.renew import renew
from fairlead.engine.update import update
from fairlead.queries.items import find_items
from fairlead.services.items import delete_item

pytestmark = pytest.mark.anyio

ROUNDS = 100


class Rival:
    """Somebody's work in a transaction of its own beside the test's, and what it came to."""

    def __init__(self, database: Database, owner: Tenant, work: Callable[[Session], Awaitable[Any]]) -> None:
        self.answer: Any = None
        self._database, self._scope, self._work = database, owner.scope, work

    async def run(self) -> None:
        """Do it and commit."""
        async with self._database.unit_of_work(self._scope) as session:
            self.answer = await self._work(session)


def _updating(owner: Tenant, item_id: str, **changes: Any) -> Callable[[Session], Awaitable[Any]]:
    return lambda session: update(session, owner.scope, item_id=item_id, changes=changes)  # type: ignore[arg-type]  # of a test


def _deleting(owner: Tenant, *ids: str) -> Callable[[Session], Awaitable[list[str]]]:
    async def work(session: Session) -> list[str]:
        return [item.id for item in await delete(session, owner.scope, item_ids=ids)]

    return work


def _claiming(owner: Tenant) -> Callable[[Session], Awaitable[list[ClaimedItem]]]:
    sources = [Source(owner.organization_id, owner.queue_id, 10)]
    return lambda session: claim(session, owner.scope, sources=sources, worker_id="rival")


async def _at_once(one: Rival, other: Rival, number: int) -> None:
    """Let both do it, in every other round the one first and in every other the other."""
    async with anyio.create_task_group() as tasks:
        for rival in (one, other) if number % 2 else (other, one):
            tasks.start_soon(rival.run)


async def _there(database: Database, owner: Tenant, *ids: str) -> set[str]:
    async with database.unit_of_work(owner.scope) as session:
        return set(await find_items(session, owner.scope, item_ids=ids))


async def test_claims_and_updates_at_once_lose_nothing(database: Database, ours: Tenant) -> None:
    """However a claim and an update meet, the worker gets the whole old or the whole new item, and exactly one wins."""
    seen = {"old": 0, "new": 0}
    for number in range(ROUNDS):
        (item_id,) = await enqueue_some(database, ours, tags=("old",), task="old")
        updater = Rival(
            database, ours, _updating(ours, item_id, payload={"is": "new"}, task="new", tags=["new"], priority=5)
        )
        claimer = Rival(database, ours, _claiming(ours))
        await _at_once(updater, claimer, number)
        # A claim that met the update halfway passed the item by: then it still waits.
        (item,) = claimer.answer or await claim_some(database, ours)

        won = "old" if updater.answer is None else "new"
        payload = {"is": "new"} if won == "new" else {"number": 0}
        assert (item.payload, item.task, item.tags, item.priority) == (payload, won, [won], 5 * (won == "new"))
        assert (await row_of(database, ours, item_id))["claims"] == 1
        seen[won] += 1
        async with database.unit_of_work(FLEET) as session:
            await complete(session, FLEET, completions=[Completion(item)])
    assert min(seen.values()) > 0, "the two never met: start them closer together"


async def test_claims_and_deletions_at_once_lose_nothing(database: Database, ours: Tenant) -> None:
    """However a claim and a deletion meet, exactly one has the item: it is held and there, or gone."""
    for number in range(ROUNDS):
        (item_id,) = await enqueue_some(database, ours)
        deleter, claimer = Rival(database, ours, _deleting(ours, item_id)), Rival(database, ours, _claiming(ours))
        await _at_once(deleter, claimer, number)

        held = [item.id for item in claimer.answer]
        assert sorted([*held, *deleter.answer]) == [item_id]
        assert await _there(database, ours, item_id) == set(held)
        if held:
            async with database.unit_of_work(FLEET) as session:
                await complete(session, FLEET, completions=[Completion(claimer.answer[0])])


async def test_an_update_that_waited_for_a_claim_changes_nothing(database: Database, ours: Tenant) -> None:
    """When a claim commits while an update waits for the item, the update is refused: the worker has the old one."""
    (item_id,) = await enqueue_some(database, ours)
    updater = Rival(database, ours, _updating(ours, item_id, payload={"is": "new"}))
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        (item,) = await _claiming(ours)(session)
        tasks.start_soon(updater.run)
        await until_blocked(database)
    assert updater.answer is None
    row = await row_of(database, ours, item_id)
    assert (row["payload"], row["status"]) == (item.payload, "processing")


async def test_a_deletion_that_waited_for_a_claim_deletes_nothing(database: Database, ours: Tenant) -> None:
    """When a claim commits while a deletion waits for the item, it stays, and what else was to be deleted goes."""
    (item_id,) = await enqueue_some(database, ours)
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        assert len(await _claiming(ours)(session)) == 1
        (other,) = await enqueue_some(database, ours)
        deleter = Rival(database, ours, _deleting(ours, item_id, other))
        tasks.start_soon(deleter.run)
        await until_blocked(database)
    assert deleter.answer == [other]
    assert (await row_of(database, ours, item_id))["status"] == "processing"


@pytest.mark.parametrize("change", [_updating, _deleting])
async def test_a_claim_passes_by_what_is_being_changed(
    database: Database, ours: Tenant, change: Callable[[Tenant, str], Callable[[Session], Awaitable[Any]]]
) -> None:
    """While an item is being changed or deleted, a claim neither waits nor gets it; it gets what is behind it."""
    first, second = await enqueue_some(database, ours, 2)
    async with database.unit_of_work(ours.scope) as session:
        assert await change(ours, first)(session)
        assert [item.id for item in await claim_some(database, ours)] == [second]
    assert [item.id for item in await claim_some(database, ours)] == ([first] if change is _updating else [])


async def test_two_updates_both_count(database: Database, ours: Tenant) -> None:
    """An update that waited for another one is made on what that one left; the answer shows it so."""
    (item_id,) = await enqueue_some(database, ours)
    second = Rival(database, ours, _updating(ours, item_id, task="second"))
    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        assert await _updating(ours, item_id, priority=1, task="first")(session)
        tasks.start_soon(second.run)
        await until_blocked(database)
    assert (second.answer.before.task, second.answer.after.task, second.answer.before.priority) == (
        "first",
        "second",
        1,
    )
    row = await row_of(database, ours, item_id)
    assert (row["priority"], row["task"]) == (1, "second")


async def test_an_update_that_waited_for_a_deletion_finds_nothing(database: Database, ours: Tenant) -> None:
    """When a deletion commits while an update waits, there is nothing to update any more."""
    (item_id,) = await enqueue_some(database, ours)
    updater = Rival(database, ours, _updating(ours, item_id, priority=1))
    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        assert await _deleting(ours, item_id)(session) == [item_id]
        tasks.start_soon(updater.run)
        await until_blocked(database)
    assert updater.answer is None
    assert await _there(database, ours, item_id) == set()


async def test_a_deletion_that_waited_for_an_update_deletes(database: Database, ours: Tenant) -> None:
    """An item that was changed while its deletion waited is deleted all the same, and told as it was last."""
    (item_id,) = await enqueue_some(database, ours)
    deleter = Rival(database, ours, lambda session: delete(session, ours.scope, item_ids=[item_id]))
    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        assert await _updating(ours, item_id, priority=8)(session)
        tasks.start_soon(deleter.run)
        await until_blocked(database)
    assert [(item.id, item.priority) for item in deleter.answer] == [(item_id, 8)]
    assert await _there(database, ours, item_id) == set()


async def test_a_deletion_that_waited_for_a_completion_leaves_the_item(database: Database, ours: Tenant) -> None:
    """An item that is finished while its deletion waits is not deleted this time; its result is not lost."""
    (lease,) = await claimed(database, ours)
    deleter = Rival(database, ours, _deleting(ours, lease.id))
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(lease, {"done": True})])
        tasks.start_soon(deleter.run)
        await until_blocked(database)
    assert deleter.answer == []
    row = await row_of(database, ours, lease.id)
    assert (row["status"], row["result"]) == ("completed", {"done": True})
    await deleter.run()
    assert deleter.answer == [lease.id]


async def test_an_item_that_is_finished_meanwhile_is_deleted_after_all(database: Database, ours: Tenant) -> None:
    """Who asked for the deletion of an item that is just being finished is told to try again, and then it is gone."""
    (lease,) = await claimed(database, ours)
    tries: list[Session] = []

    async def deletes(session: Session) -> None:
        tries.append(session)
        await delete_item(session, ours.scope, item_id=lease.id)

    async def tries_again() -> None:
        await transact(database, ours.scope, work=deletes)

    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(lease)])
        tasks.start_soon(tries_again)
        await until_blocked(database)
    assert len(tries) == 2
    assert await _there(database, ours, lease.id) == set()


async def test_a_completion_that_waited_for_a_refused_change_is_accepted(database: Database, ours: Tenant) -> None:
    """Asking for a held item to be changed or deleted costs its holder nothing but the wait."""
    await enqueue_some(database, ours)
    item = await claim_one(database, ours)
    holder = Rival(database, ours, lambda session: complete(session, ours.scope, completions=[Completion(item)]))
    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        assert await _updating(ours, item.id, priority=8)(session) is None
        assert await _deleting(ours, item.id)(session) == []
        tasks.start_soon(holder.run)
        await until_blocked(database)
    assert holder.answer == {item.id}


async def test_deletions_in_opposite_orders_never_deadlock(database: Database, ours: Tenant) -> None:
    """Two batches over the same items, waiting and finished, given in opposite orders, end without a deadlock."""
    items = await one_in_each_status(database, ours)
    held = items.pop(ItemStatus.PROCESSING)
    waiting = sorted(await enqueue_some(database, ours, 40))
    ids = sorted([*items.values(), *waiting])
    rivals = [Rival(database, ours, _deleting(ours, *order)) for order in (ids, ids[::-1])]
    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        # With the middle item held, batches locking in the order given would each hold half of the items.
        assert await _updating(ours, waiting[20], priority=1)(session)
        for rival in rivals:
            tasks.start_soon(rival.run)
        await until_blocked(database, 2)
    assert sorted(map(len, (rival.answer for rival in rivals))) == [0, len(ids)]
    assert await _there(database, ours, *ids, held) == {held}


async def test_a_deletion_and_a_batch_of_outcomes_never_deadlock(database: Database, ours: Tenant) -> None:
    """A deletion locks in the order in which outcomes lock: both end, and what was held is finished, not deleted."""
    leases = sorted(await claimed(database, ours, 40), key=lambda lease: lease.id)
    ids = [lease.id for lease in leases]
    deleter = Rival(database, ours, _deleting(ours, *ids[::-1]))
    holder = Rival(
        database, ours, lambda session: complete(session, ours.scope, completions=[Completion(one) for one in leases])
    )
    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        await renew(session, FLEET, leases=[leases[20]], lease_seconds=300)
        for rival in (deleter, holder):
            tasks.start_soon(rival.run)
        await until_blocked(database, 2)
    assert (deleter.answer, holder.answer) == ([], set(ids))
