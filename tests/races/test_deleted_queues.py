from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import pytest
from tests.fixtures.items import FLEET, claim_some, claimed, enqueue_some, row_of
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope
from fairlead.engine.complete import Completion, complete
from fairlead.errors import NotFound
from fairlead.queries.items import get_item, get_item_page
from fairlead.queries.page import Window
from fairlead.queries.queues import get_queue
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.leases import claim_items, complete_item, fail_item, release_item, renew_item
from fairlead.services.queues import delete_queue, restore_queue, soft_delete_queue, update_queue

pytestmark = pytest.mark.anyio

Removal: TypeAlias = Callable[..., Awaitable[object]]
REMOVALS = pytest.mark.parametrize("remove", [soft_delete_queue, delete_queue], ids=["soft", "for good"])


class Producer:
    """Somebody who enqueues in a transaction of their own, and how that ended."""

    def __init__(self, database: Database, owner: Tenant) -> None:
        self.item_id = ""
        self.refused = False
        self._database, self._owner = database, owner

    async def run(self) -> None:
        """Enqueue one item and commit."""
        try:
            async with self._database.unit_of_work(self._owner.scope) as session:
                self.item_id = await _enqueue(session, self._owner)
        except NotFound:
            self.refused = True


async def _enqueue(session: Session, owner: Tenant) -> str:
    [item_id] = await enqueue_items(session, owner.scope, queue_id=owner.queue_id, items=[ItemInput({})])
    return item_id


async def _removed(database: Database, owner: Tenant, remove: Removal) -> None:
    async with database.unit_of_work(owner.scope) as session:
        await remove(session, owner.scope, queue_id=owner.queue_id)


@REMOVALS
async def test_nothing_enters_a_queue_that_is_being_deleted(database: Database, ours: Tenant, remove: Removal) -> None:
    """Who enqueues while the queue is being deleted waits, and is told that there is no such queue."""
    producer = Producer(database, ours)
    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        await remove(session, ours.scope, queue_id=ours.queue_id)
        tasks.start_soon(producer.run)
        await until_blocked(database)
    assert producer.refused
    async with database.unit_of_work(ours.scope) as session:
        assert (await get_item_page(session, ours.scope, window=Window(), deleted=True)).total == 0


@REMOVALS
async def test_a_deletion_waits_for_what_is_on_its_way(database: Database, ours: Tenant, remove: Removal) -> None:
    """A queue is deleted after those who were first have enqueued, so that nothing appears in it afterwards."""
    seen = []

    async def removes_and_looks() -> None:
        await _removed(database, ours, remove)
        async with database.unit_of_work(ours.scope) as session:
            try:
                seen.append((await get_item(session, ours.scope, item_id=item_id, deleted=True)).id)
            except NotFound:
                seen.append("gone with its queue")

    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        item_id = await _enqueue(session, ours)
        tasks.start_soon(removes_and_looks)
        await until_blocked(database)
    assert seen == [item_id if remove is soft_delete_queue else "gone with its queue"]


async def test_a_deletion_that_is_rolled_back_refuses_nobody(database: Database, ours: Tenant) -> None:
    """When the deletion comes to nothing, who waited for it enqueues as if there had been none."""
    producer = Producer(database, ours)

    async def deletes_in_vain(tasks: anyio.abc.TaskGroup) -> None:
        async with database.unit_of_work(ours.scope) as session:
            await soft_delete_queue(session, ours.scope, queue_id=ours.queue_id)
            tasks.start_soon(producer.run)
            await until_blocked(database)
            raise RuntimeError("the process dies here")

    async with anyio.create_task_group() as tasks:
        with pytest.raises(RuntimeError):
            await deletes_in_vain(tasks)
    assert not producer.refused
    assert (await row_of(database, ours, producer.item_id))["status"] == "waiting"


async def test_a_queue_is_changed_while_others_enqueue(database: Database, ours: Tenant) -> None:
    """Changing a queue's rules waits for nobody who enqueues, and nobody who enqueues waits for it."""
    async with database.unit_of_work(ours.scope) as producing:
        await _enqueue(producing, ours)
        async with database.unit_of_work(ours.scope) as session:
            await update_queue(session, ours.scope, queue_id=ours.queue_id, max_attempts=7)
            await enqueue_some(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        assert (await get_queue(session, ours.scope, queue_id=ours.queue_id)).max_attempts == 7


async def test_a_deleted_queue_gives_nothing_until_it_is_restored(database: Database, ours: Tenant) -> None:
    """From a soft-deleted queue nothing is claimed and into it nothing is enqueued; restored, it is as it was."""
    (item_id,) = await enqueue_some(database, ours)
    await _removed(database, ours, soft_delete_queue)

    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(NotFound):
            await claim_items(session, ours.scope, queue_id=ours.queue_id, limit=1, worker_id="w")
        with pytest.raises(NotFound):
            await _enqueue(session, ours)

    async with database.unit_of_work(ours.scope) as session:
        await restore_queue(session, ours.scope, queue_id=ours.queue_id)
        held = await claim_items(session, ours.scope, queue_id=ours.queue_id, limit=9, worker_id="w")
    assert [one.item.id for one in held] == [item_id]


async def _complete(session: Session, scope: TenantScope, item_id: str) -> object:
    return await complete_item(session, scope, item_id=item_id, lease=1, result={"done": True})


async def _fail(session: Session, scope: TenantScope, item_id: str) -> object:
    return await fail_item(session, scope, item_id=item_id, lease=1, error="no")


async def _renew(session: Session, scope: TenantScope, item_id: str) -> object:
    return await renew_item(session, scope, item_id=item_id, lease=1)


async def _release(session: Session, scope: TenantScope, item_id: str) -> object:
    return await release_item(session, scope, item_id=item_id, lease=1)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(_complete, "completed"), (_fail, "waiting"), (_renew, "processing"), (_release, "waiting")],
)
async def test_who_holds_an_item_of_a_deleted_queue_may_finish_it(
    database: Database, ours: Tenant, outcome: Callable[[Session, TenantScope, str], Awaitable[object]], status: str
) -> None:
    """A worker that had the item before its queue was deleted reports as ever, and is answered as ever."""
    (lease,) = await claimed(database, ours)
    await _removed(database, ours, soft_delete_queue)

    async with database.unit_of_work(ours.scope) as session:
        assert await outcome(session, ours.scope, lease.id)

    assert (await row_of(database, ours, lease.id))["status"] == status


async def test_workers_finish_what_they_hold_of_a_deleted_queue(database: Database, ours: Tenant) -> None:
    """The fleet's reports are taken for a deleted queue too, a batch at a time."""
    await enqueue_some(database, ours, 3)
    items = await claim_some(database, ours)
    await _removed(database, ours, soft_delete_queue)
    async with database.unit_of_work(FLEET) as session:
        done = await complete(session, FLEET, completions=[Completion(item) for item in items])
    assert done == {item.id for item in items}
