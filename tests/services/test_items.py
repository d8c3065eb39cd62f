from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import (
    FLEET,
    claimed,
    enqueue_some,
    item_in,
    one_in_each_status,
    row_of,
)
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import ItemStatus
from fairlead.errors import Conflict, FairleadError, NotFound, ValidationFailed
from fairlead.queries.items import Item, get_item, get_item_page
from fairlead.queries.page import Window
from fairlead.queries.queues import get_queue, get_queue_page
from fairlead.services.audit import Actor
from fairlead.services.item_rules import ItemInput, check_items
from fairlead.services.items import (
    delete_item,
    delete_items,
    enqueue_items,
    update_item,
)
from fairlead.services.leases import claim_items, fail_item, release_item

pytestmark = pytest.mark.anyio


def forged(victim: Tenant) -> TenantScope:
    """A scope that names another organization, as a mistake in our own filters would."""
    return TenantScope(victim.organization_id)


async def enqueue_one(database: Database, tenant: Tenant, **values: Any) -> str:
    """Enqueue one item in a transaction of its own."""
    async with database.unit_of_work(tenant.scope) as session:
        items = [ItemInput(**{"payload": {}, **values})]
        [item_id] = await enqueue_items(session, tenant.scope, queue_id=tenant.queue_id, items=items)
    return item_id


async def test_enqueued_values_are_kept(database: Database, ours: Tenant) -> None:
    """Everything given with an item is what is read back."""
    due = datetime(2030, 1, 31, 9, 30, tzinfo=UTC)
    item_id = await enqueue_one(
        database, ours, payload={"a": [1, None]}, task="t", priority=3, max_attempts=4, scheduled_for=due, tags=("x",)
    )

    async with database.unit_of_work(ours.scope) as session:
        item = await get_item(session, ours.scope, item_id=item_id)

    assert (item.payload, item.task, item.priority, item.max_attempts) == ({"a": [1, None]}, "t", 3, 4)
    assert (item.scheduled_for, item.tags) == (due, ["x"])


async def test_every_problem_of_every_item_is_named(database: Database, ours: Tenant) -> None:
    """Whatever door it comes through, each wrong field of each item is named in one error, and nothing is kept."""
    due = datetime(2030, 1, 1, tzinfo=UTC)
    items = [
        ItemInput(payload={"a": float("nan")}, priority=limits.PRIORITY + 1),
        ItemInput(payload={}),
        ItemInput(payload={"a": "\x00"}, max_attempts=0, task=""),
        ItemInput(payload={"a": 2**63}, scheduled_for=due.replace(tzinfo=None), tags=["t"] * 21),
        ItemInput(payload={"\ud800": 1}, scheduled_for=due, delay_seconds=1, tags=["\x00"]),
        ItemInput(payload={"a": "x" * limits.PAYLOAD_BYTES}, delay_seconds=-1),
        ItemInput(payload=[1]),  # type: ignore[arg-type]  # a caller without types
    ]

    with pytest.raises(ValidationFailed) as refused:
        async with database.unit_of_work(ours.scope) as session:
            await enqueue_items(session, ours.scope, queue_id=ours.queue_id, items=items)

    assert refused.value.details.keys() == {
        "items[0].payload",
        "items[0].priority",
        "items[2].payload",
        "items[2].max_attempts",
        "items[2].task",
        "items[3].payload",
        "items[3].scheduled_for",
        "items[3].tags",
        "items[4].payload",
        "items[4].scheduled_for",
        "items[4].tags",
        "items[5].payload",
        "items[5].delay_seconds",
        "items[6].payload",
    }


@pytest.mark.parametrize("count", [0, limits.BATCH_ITEMS + 1])
async def test_batches_have_a_size(database: Database, ours: Tenant, *, count: int) -> None:
    """No item and more than the largest batch are refused."""
    with pytest.raises(ValidationFailed):
        async with database.unit_of_work(ours.scope) as session:
            await enqueue_items(session, ours.scope, queue_id=ours.queue_id, items=[ItemInput(payload={})] * count)


async def test_row_security_alone_hides_queues_and_reads(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """With our own filter aimed at another organization, every read and every way in shows and takes nothing."""
    [lease] = await claimed(database, theirs)
    [waiting] = await enqueue_some(database, theirs)
    scope, queue_id = forged(theirs), theirs.queue_id

    async def refused(attempt: Callable[[Session], Awaitable[object]]) -> type[FairleadError] | None:
        try:
            async with database.unit_of_work(ours.scope) as session:
                await attempt(session)
        except FairleadError as error:
            return type(error)
        return None

    item = ItemInput(payload={})
    attempts: list[Callable[[Session], Awaitable[object]]] = [
        lambda session: get_item(session, scope, item_id=lease.id),
        lambda session: get_queue(session, scope, queue_id=queue_id),
        lambda session: claim_items(session, scope, queue_id=queue_id, limit=1, worker_id="w"),
        lambda session: enqueue_items(session, scope, queue_id=queue_id, items=[item]),
        lambda session: get_item_page(session, scope, queue_id=queue_id, window=Window()),
        lambda session: update_item(session, scope, item_id=waiting, priority=1),
        lambda session: delete_item(session, scope, item_id=waiting),
    ]
    for attempt in attempts:
        assert await refused(attempt) is NotFound
    async with database.unit_of_work(ours.scope) as session:
        assert await delete_items(session, scope, item_ids=[waiting]) == []
        assert (await get_queue_page(session, scope, window=Window())).total == 0
        assert (await get_item_page(session, scope, window=Window(), deleted=True)).total == 0


ACTOR = Actor("user", "the-user", "the-request")
NO_ITEM = ["k3f9x2m7q1w8e5r4t6y0u2i9", "short", "\x00", "\ud800"]


async def update_one(database: Database, owner: Tenant, item_id: str, **changes: Any) -> Item:
    """Update one item in a transaction of its own."""
    async with database.unit_of_work(owner.scope) as session:
        return await update_item(session, owner.scope, item_id=item_id, actor=ACTOR, **changes)


async def delete_one(database: Database, owner: Tenant, item_id: str) -> None:
    """Delete one item in a transaction of its own."""
    async with database.unit_of_work(owner.scope) as session:
        await delete_item(session, owner.scope, item_id=item_id, actor=ACTOR)


async def events_of(database: Database) -> list[dict[str, Any]]:
    """Return the audit trail, oldest first."""
    async with database.unit_of_work(FLEET) as session:
        rows = await session.execute(text("select * from audit_events order by created_at, subject_id"))
        return [dict(row) for row in rows.mappings()]


async def test_an_update_returns_the_item_as_it_is_now(database: Database, ours: Tenant) -> None:
    """What was given is what is read back, at once and later, and what was not given is as it was."""
    due = datetime(2500, 1, 31, 9, 30, tzinfo=UTC)
    item_id = await enqueue_one(database, ours, payload={"a": 1}, task="t", priority=3, tags=("x",))

    answer = await update_one(database, ours, item_id, payload={"b": 2}, max_attempts=9, scheduled_for=due)

    assert (answer.payload, answer.max_attempts, answer.scheduled_for) == ({"b": 2}, 9, due)
    assert (answer.task, answer.priority, answer.tags, answer.status.value) == ("t", 3, ["x"], "waiting")
    async with database.unit_of_work(ours.scope) as session:
        assert await get_item(session, ours.scope, item_id=item_id) == answer


async def test_an_update_is_audited_without_the_payload(database: Database, ours: Tenant) -> None:
    """One event says who changed what of the item, before and after, and that the payload is another one."""
    item_id = await enqueue_one(database, ours, payload={"secret": "old"}, priority=1)
    await update_one(database, ours, item_id, payload={"secret": "new"}, priority=2, tags=["x"], max_attempts=3)
    await update_one(database, ours, item_id, payload={"secret": "new"}, priority=2)  # the same again

    [event] = await events_of(database)
    assert (event["organization_id"], event["action"]) == (ours.organization_id, "item.updated")
    assert (event["actor_kind"], event["actor_id"], event["request_id"]) == ("user", "the-user", "the-request")
    assert (event["subject_kind"], event["subject_id"]) == ("item", item_id)
    assert event["before"] == {"payload_changed": False, "priority": 1, "tags": []}
    assert event["after"] == {"payload_changed": True, "priority": 2, "tags": ["x"]}
    assert "secret" not in str(event)


def test_payloads_are_measured_one_by_one() -> None:
    """Together they may be larger than one may be; one that is too large is named."""
    large = ItemInput({"text": "x" * (limits.PAYLOAD_BYTES // 2)})
    check_items([large, large, large])
    with pytest.raises(ValidationFailed) as refused:
        check_items([large, ItemInput({"text": "x" * limits.PAYLOAD_BYTES})])
    assert refused.value.details.keys() == {"items[1].payload"}


@pytest.mark.parametrize("status", sorted(set(ItemStatus) - {ItemStatus.WAITING}))
async def test_what_does_not_wait_is_not_changed(database: Database, ours: Tenant, *, status: ItemStatus) -> None:
    """Changing an item that is being worked on or finished is a Conflict that says so, and leaves no event."""
    lease = await item_in(database, ours, status)
    said = "being worked on" if status is ItemStatus.PROCESSING else status.value
    with pytest.raises(Conflict, match=f"is {said}"):
        await update_one(database, ours, lease.id, priority=1)
    assert await events_of(database) == []


async def test_attempts_that_were_made_cannot_be_taken_back(database: Database, ours: Tenant) -> None:
    """As many attempts as were made already are refused by name: none would be left."""
    [lease] = await claimed(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await fail_item(session, ours.scope, item_id=lease.id, lease=lease.claims, error="no")

    with pytest.raises(ValidationFailed, match="1 attempts already made") as refused:
        await update_one(database, ours, lease.id, max_attempts=1)

    assert refused.value.details.keys() == {"max_attempts"}
    assert (await update_one(database, ours, lease.id, max_attempts=2)).max_attempts == 2


BAD_CHANGES: dict[str, list[Any]] = {
    "payload": [None, [], {"a": "\x00"}, {"a": "x" * limits.PAYLOAD_BYTES}],
    "priority": [None, limits.PRIORITY + 1, 0.5, "1", True],
    "max_attempts": [None, 0, limits.MAX_ATTEMPTS + 1],
    "scheduled_for": [datetime(2030, 1, 1), "tomorrow", datetime(1900, 1, 1, tzinfo=UTC)],  # noqa: DTZ001 - the point
    "task": ["", "a\x00", 1],
    "tags": [None, "abc", [1], [""], ["t"] * (limits.TAGS + 1), {"a"}],
    "status": ["completed"],
    "attempts": [0],
    "result": [{}],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in BAD_CHANGES for value in BAD_CHANGES[field]])
async def test_impossible_changes_are_refused(database: Database, ours: Tenant, *, field: str, value: Any) -> None:
    """A value that cannot be, and a field that is not to be changed, are refused by name, before anything is."""
    item_id = await enqueue_one(database, ours)
    before = await row_of(database, ours, item_id)
    with pytest.raises(ValidationFailed) as refused:
        await update_one(database, ours, item_id, **{"priority": 1, field: value})
    assert refused.value.details.keys() == {field}
    assert await row_of(database, ours, item_id) == before


async def test_all_impossible_changes_are_named(database: Database, ours: Tenant) -> None:
    """Every wrong field is named in one error."""
    wrong = {field: values[0] for field, values in BAD_CHANGES.items()}
    with pytest.raises(ValidationFailed) as refused:
        await update_one(database, ours, new_id(), **wrong)
    assert refused.value.details.keys() == wrong.keys()


@pytest.mark.parametrize("item_id", NO_ITEM)
async def test_what_is_not_here_is_neither_changed_nor_deleted(
    database: Database, ours: Tenant, *, item_id: str
) -> None:
    """Changing or deleting an item that is not here raises NotFound; in a batch it is left out."""
    kept = await enqueue_one(database, ours)
    with pytest.raises(NotFound):
        await update_one(database, ours, item_id, priority=1)
    with pytest.raises(NotFound):
        await delete_one(database, ours, item_id)
    async with database.unit_of_work(ours.scope) as session:
        assert await delete_items(session, ours.scope, item_ids=[item_id, kept]) == [kept]


@pytest.mark.parametrize("status", sorted(set(ItemStatus) - {ItemStatus.PROCESSING}))
async def test_a_deletion_is_audited_without_what_was_in_it(
    database: Database, ours: Tenant, *, status: ItemStatus
) -> None:
    """A deleted item is gone; one event says who deleted which, and nothing of what it held or came to."""
    lease = await item_in(database, ours, status)
    row = await row_of(database, ours, lease.id)
    await delete_one(database, ours, lease.id)

    with pytest.raises(NotFound):
        await delete_one(database, ours, lease.id)
    [event] = await events_of(database)
    assert (event["action"], event["subject_kind"], event["subject_id"]) == ("item.deleted", "item", lease.id)
    assert (event["actor_kind"], event["actor_id"], event["after"]) == ("user", "the-user", None)
    told = ("queue_id", "status", "priority", "attempts", "max_attempts", "task", "tags")
    assert {name: event["before"][name] for name in told} == {name: row[name] for name in told}
    assert event["before"].keys().isdisjoint({"payload", "result", "errors", "error_message", "progress"})


async def test_what_is_worked_on_is_not_deleted(database: Database, ours: Tenant) -> None:
    """Deleting an item under a lease is a Conflict that says what to do; the holder's outcome is accepted."""
    [lease] = await claimed(database, ours)
    with pytest.raises(Conflict, match="release or finish it first"):
        await delete_one(database, ours, lease.id)
    assert await events_of(database) == []
    async with database.unit_of_work(ours.scope) as session:
        await release_item(session, ours.scope, item_id=lease.id, lease=lease.claims)
    await delete_one(database, ours, lease.id)


async def test_many_are_deleted_at_once(database: Database, ours: Tenant) -> None:
    """A batch deletes what can be deleted, tells which in the order of ids, and leaves an event for each."""
    items = await one_in_each_status(database, ours)
    held = items.pop(ItemStatus.PROCESSING)
    kept = await enqueue_one(database, ours)

    async with database.unit_of_work(ours.scope) as session:
        gone = await delete_items(session, ours.scope, item_ids=[*items.values(), held, new_id()], actor=ACTOR)

    assert gone == sorted(items.values())
    assert {event["subject_id"] for event in await events_of(database)} == set(gone)
    async with database.unit_of_work(ours.scope) as session:
        left = await get_item_page(session, ours.scope, window=Window())
    assert {item.id for item in left.data} == {held, kept}


async def test_a_whole_batch_can_be_deleted(database: Database, ours: Tenant) -> None:
    """A thousand items go at once, and a thousand and one, or none, are refused by name."""
    ids = await enqueue_some(database, ours, limits.BATCH_ITEMS)
    for wrong in ([], [*ids, new_id()]):
        with pytest.raises(ValidationFailed) as refused:
            async with database.unit_of_work(ours.scope) as session:
                await delete_items(session, ours.scope, item_ids=wrong)
        assert refused.value.details.keys() == {"item_ids"}

    async with database.unit_of_work(ours.scope) as session:
        assert await delete_items(session, ours.scope, item_ids=ids) == sorted(ids)
        assert (await get_item_page(session, ours.scope, window=Window())).total == 0


async def test_an_item_is_more_than_its_payload(database: Database, ours: Tenant) -> None:
    """A bare payload where an item is wanted is refused with what to write instead."""
    bare: Any = [{"payload": {}}]
    with pytest.raises(ValidationFailed, match="ItemInput"):
        async with database.unit_of_work(ours.scope) as session:
            await enqueue_items(session, ours.scope, queue_id=ours.queue_id, items=bare)


async def test_a_filter_that_is_none_is_refused(database: Database, ours: Tenant) -> None:
    """A misspelt filter would show everything; it is refused by its name."""
    wrong: dict[str, Any] = {"statuss": "failed"}
    with pytest.raises(ValidationFailed) as refused:
        async with database.unit_of_work(ours.scope) as session:
            await get_item_page(session, ours.scope, window=Window(), **wrong)
    assert refused.value.details.keys() == {"statuss"}


async def test_very_many_queues_are_one_filter(database: Database, ours: Tenant) -> None:
    """A filter of more queues than a statement has parameters works."""
    many = [new_id() for _ in range(70_000)]
    async with database.unit_of_work(ours.scope) as session:
        assert (await get_item_page(session, ours.scope, window=Window(), queue_ids=many)).total == 0
