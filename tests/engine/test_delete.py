from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from tests.fixtures.items import (
    FLEET,
    claim_some,
    claimed,
    enqueue_some,
    item_in,
    one_in_each_status,
    row_of,
    rows_of,
    sources_of,
)
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import FINISHED, ItemStatus
from fairlead.engine.complete import Completion, complete
from fairlead.engine.delete import DeletedItem, delete
from fairlead.queries.items import find_items

pytestmark = pytest.mark.anyio


async def _delete(database: Database, owner: Tenant, *ids: str) -> list[DeletedItem]:
    async with database.unit_of_work(owner.scope) as session:
        return await delete(session, owner.scope, item_ids=ids)


async def _there(database: Database, owner: Tenant, *ids: str) -> set[str]:
    async with database.unit_of_work(owner.scope) as session:
        return set(await find_items(session, owner.scope, item_ids=ids, deleted=True))


@pytest.mark.parametrize("status", ItemStatus)
async def test_what_nobody_works_on_is_deleted(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status deleting does what the life cycle says; an item that is being worked on stays as it is."""
    lease = await item_in(database, ours, status)
    (other,) = await enqueue_some(database, ours)
    before = await row_of(database, ours, lease.id)

    deleted = await _delete(database, ours, lease.id)

    if status in sources_of("delete"):
        assert [(item.id, item.status) for item in deleted] == [(lease.id, status)]
        assert await _there(database, ours, lease.id, other) == {other}
    else:
        assert (deleted, await row_of(database, ours, lease.id)) == ([], before)


@pytest.mark.parametrize("status", [ItemStatus.WAITING, ItemStatus.COMPLETED])
async def test_the_answer_tells_what_is_gone(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """What comes back is the item as it was, but for what was in it and what came of it."""
    due = datetime(2000, 1, 1, tzinfo=UTC)
    (item_id,) = await enqueue_some(
        database, ours, priority=4, max_attempts=5, scheduled_for=due, task="mail", tags=("b", "a")
    )
    if status is ItemStatus.COMPLETED:
        (item,) = await claim_some(database, ours)
        async with database.unit_of_work(FLEET) as session:
            await complete(session, FLEET, completions=[Completion(item, {"secret": True})])
    row = await row_of(database, ours, item_id)

    (gone,) = await _delete(database, ours, item_id)

    told = {name: row[name] for name in ("id", "queue_id", "status", "priority", "attempts", "max_attempts", "tags")}
    assert {name: getattr(gone, name) for name in told} == told
    assert (gone.organization_id, gone.task, gone.scheduled_for) == (ours.organization_id, "mail", due)
    assert gone.created_at == datetime.fromisoformat(row["created_at"])
    assert (gone.finished_at is not None, gone.started_at is not None) == (status in FINISHED, status in FINISHED)
    assert not {"payload", "result", "errors", "error_message", "progress"} & set(DeletedItem.__slots__)


async def test_a_mixed_batch_deletes_what_it_can(database: Database, ours: Tenant) -> None:
    """In one batch waiting and finished items go, whatever stands beside them, each once, told in the order of ids."""
    items = await one_in_each_status(database, ours)
    held = items.pop(ItemStatus.PROCESSING)
    (kept,) = await enqueue_some(database, ours)

    gone = await _delete(database, ours, *sorted(items.values(), reverse=True), held, new_id(), *items.values())

    assert [item.id for item in gone] == sorted(items.values())
    assert await _there(database, ours, *items.values(), held, kept) == {held, kept}


async def test_a_deleted_item_is_never_claimed(database: Database, ours: Tenant) -> None:
    """What was deleted before it was claimed is not handed out, and its neighbours are."""
    ids = await enqueue_some(database, ours, 3)
    await _delete(database, ours, ids[1])
    assert [item.id for item in await claim_some(database, ours)] == [ids[0], ids[2]]


async def test_a_deleted_queues_items_stay_with_it(database: Database, ours: Tenant) -> None:
    """Items of a soft-deleted queue are as good as gone and cannot be deleted one by one."""
    ids = list((await one_in_each_status(database, ours)).values())
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queues set deleted_at = now()"))
    before = await rows_of(database, ours, ids)

    assert await _delete(database, ours, *ids) == []
    assert await rows_of(database, ours, ids) == before


async def test_the_holder_of_an_undeletable_item_keeps_it(database: Database, ours: Tenant) -> None:
    """Asking to delete an item under a lease does not touch the lease."""
    (lease,) = await claimed(database, ours)
    assert await _delete(database, ours, lease.id) == []
    async with database.unit_of_work(FLEET) as session:
        assert await complete(session, FLEET, completions=[Completion(lease)]) == {lease.id}


async def test_nothing_to_delete_is_no_error(database: Database, ours: Tenant) -> None:
    """An empty batch, and a repeated one, delete nothing."""
    (item_id,) = await enqueue_some(database, ours)
    assert await _delete(database, ours) == []
    assert len(await _delete(database, ours, item_id)) == 1
    assert await _delete(database, ours, item_id) == []
