from __future__ import annotations

from typing import Any

import pytest
from tests.fixtures.failing import everything_in
from tests.fixtures.items import (
    claim_some,
    claimed,
    enqueue_some,
    item_in,
    rescue_all,
    row_of,
    rows_of,
)
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import call, tell
from tests.services.test_items import ACTOR, NO_ITEM, enqueue_one, events_of

from fairlead.db.session import Database
from fairlead.domain import limits
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import FINISHED as FINISHED_STATUSES
from fairlead.domain.item_status import ItemStatus
from fairlead.errors import Conflict, LeaseLost, NotFound, QueueFull, ValidationFailed
from fairlead.queries.items import get_item
from fairlead.services.items import (
    cancel_item,
    cancel_items,
    cancel_matching,
    delete_item,
    retry_item,
    retry_items,
    retry_matching,
    update_item,
)
from fairlead.services.leases import complete_item, end_cancelled_item
from fairlead.services.queues import create_queue

pytestmark = pytest.mark.anyio


async def test_a_cancellation_is_audited_and_tells_the_worker(database: Database, ours: Tenant) -> None:
    """Who cancels an item is told who works on it; one event says how it stood, and nothing of what was in it."""
    [lease] = await claimed(database, ours)
    answer = await call(database, ours.scope, cancel_item, item_id=lease.id, actor=ACTOR)
    assert (answer.worker_id, answer.status_before, answer.claims) == ("worker", ItemStatus.PROCESSING, lease.claims)
    [event] = await events_of(database)
    assert (event["action"], event["subject_id"], event["actor_id"]) == ("item.cancelled", lease.id, "the-user")
    assert event["before"]["status_before"] == "processing"
    assert event["before"].keys().isdisjoint({"payload", "result", "errors", "error_message", "progress"})
    with pytest.raises(LeaseLost):
        await call(database, ours.scope, complete_item, item_id=lease.id, lease=lease.claims)


async def test_who_cancels_hears_whether_it_has_ended(database: Database, ours: Tenant) -> None:
    """What waits has ended; what is worked on is being cancelled, as its row says, until its worker has stopped."""
    [lease] = await claimed(database, ours)
    waiting = await enqueue_one(database, ours)
    answer = await call(database, ours.scope, cancel_items, item_ids=[lease.id, waiting])
    assert {item.id: item.ended for item in answer} == {lease.id: False, waiting: True}
    async with database.unit_of_work(ours.scope) as session:
        item = await get_item(session, ours.scope, item_id=lease.id)
    assert item.status is ItemStatus.PROCESSING
    assert item.cancel_requested_at is not None

    item = await call(database, ours.scope, end_cancelled_item, item_id=lease.id, lease=lease.claims)
    assert item.status is ItemStatus.CANCELLED
    with pytest.raises(Conflict, match="is cancelled already"):
        await call(database, ours.scope, cancel_item, item_id=lease.id)


async def test_what_is_being_cancelled_is_neither_retried_changed_nor_deleted(database: Database, ours: Tenant) -> None:
    """Until its worker has stopped an item that is being cancelled is a Conflict to all that people may want of it."""
    [lease] = await claimed(database, ours)
    await call(database, ours.scope, cancel_item, item_id=lease.id)
    with pytest.raises(Conflict, match="being cancelled; it can be retried when its worker has stopped"):
        await call(database, ours.scope, retry_item, item_id=lease.id)
    with pytest.raises(Conflict, match="being worked on"):
        await call(database, ours.scope, update_item, item_id=lease.id, priority=1)
    with pytest.raises(Conflict, match="being worked on"):
        await call(database, ours.scope, delete_item, item_id=lease.id)


@pytest.mark.parametrize("function", [cancel_item, cancel_items, cancel_matching])
async def test_a_deadline_is_a_number_of_seconds(database: Database, ours: Tenant, *, function: Any) -> None:
    """A deadline that no lease can have is refused by its name, and one of now is none."""
    [lease] = await claimed(database, ours)
    targets: dict[Any, dict[str, Any]] = {cancel_item: {"item_id": lease.id}, cancel_items: {"item_ids": [lease.id]}}
    between = f"must be between 0 and {limits.LEASE_SECONDS:,}"
    for wrong, problem in (-1, between), (limits.LEASE_SECONDS + 1, between), ("soon", "must be a number"):
        with pytest.raises(ValidationFailed) as refused:
            await call(database, ours.scope, function, deadline_seconds=wrong, **targets.get(function, {}))
        assert refused.value.details == {"deadline_seconds": problem}
    await call(database, ours.scope, function, deadline_seconds=0, **targets.get(function, {}))
    assert [item.status for item in await rescue_all(database)] == [ItemStatus.CANCELLED]


@pytest.mark.parametrize("status", sorted(FINISHED_STATUSES))
async def test_what_is_finished_is_not_cancelled(database: Database, ours: Tenant, *, status: ItemStatus) -> None:
    """Cancelling a finished item is a Conflict that says how it ended, and leaves no event."""
    lease = await item_in(database, ours, status)
    with pytest.raises(Conflict, match=f"is {status.value} already"):
        await call(database, ours.scope, cancel_item, item_id=lease.id)
    assert await events_of(database) == []


@pytest.mark.parametrize("status", sorted(FINISHED_STATUSES))
async def test_a_retry_is_audited(database: Database, ours: Tenant, *, status: ItemStatus) -> None:
    """A retried item waits again; one event says who let it, and how it had ended."""
    lease = await item_in(database, ours, status)
    answer = await call(database, ours.scope, retry_item, item_id=lease.id, actor=ACTOR)
    assert (answer.id, answer.status_before) == (lease.id, status)
    [event] = await events_of(database)
    assert (event["action"], event["subject_id"], event["actor_id"]) == ("item.retried", lease.id, "the-user")
    assert event["before"]["status_before"] == status.value
    assert (await row_of(database, ours, lease.id))["status"] == "waiting"


@pytest.mark.parametrize("status", [ItemStatus.WAITING, ItemStatus.PROCESSING])
async def test_what_lives_is_not_retried(database: Database, ours: Tenant, *, status: ItemStatus) -> None:
    """Retrying a live item is a Conflict that says so, and leaves no event."""
    lease = await item_in(database, ours, status)
    with pytest.raises(Conflict, match=f"is {status.value}; only a finished one"):
        await call(database, ours.scope, retry_item, item_id=lease.id)
    assert await events_of(database) == []


async def test_a_retry_waits_for_its_unique_key(database: Database, ours: Tenant) -> None:
    """While another item holds its key an item stays finished, and whoever asks is told why."""
    old = await enqueue_one(database, ours, unique_key="k")
    await call(database, ours.scope, cancel_item, item_id=old)
    new = await enqueue_one(database, ours, unique_key="k")
    with pytest.raises(Conflict, match="unique key"):
        await call(database, ours.scope, retry_item, item_id=old)
    assert await call(database, ours.scope, retry_items, item_ids=[old]) == []
    await call(database, ours.scope, cancel_item, item_id=new)
    assert [item.id for item in await call(database, ours.scope, retry_items, item_ids=[old, new])] == [old]


async def test_a_retry_keeps_to_the_depth(database: Database, ours: Tenant) -> None:
    """More than the queue, or the organization, has room for are not retried, none of them; as many as fit are."""
    leases = [await item_in(database, ours, ItemStatus.FAILED) for _ in range(3)]
    ids = [lease.id for lease in leases]
    for table, column in (("queues", "max_depth"), ("organizations", "max_queue_depth")):
        await tell(database, f"update {table} set {column} = 2")  # noqa: S608 - our own names
        before = await everything_in(database)
        with pytest.raises(QueueFull):
            await call(database, ours.scope, retry_items, item_ids=ids)
        assert [row for row in await everything_in(database) if row[0] != "depth_turns"] == [
            row for row in before if row[0] != "depth_turns"
        ]
        assert len(await call(database, ours.scope, retry_items, item_ids=ids[:2])) == 2
        await call(database, ours.scope, cancel_items, item_ids=ids)
        await tell(database, f"update {table} set {column} = null")  # noqa: S608 - our own names


async def test_items_are_cancelled_by_filter(database: Database, ours: Tenant) -> None:
    """Of the live items those that the filters find are cancelled, the oldest first, as many as told at a time.

    Those that were being cancelled before do not come back, so that whoever repeats it comes to an end.
    """
    done = await item_in(database, ours, ItemStatus.COMPLETED)
    mails = [await enqueue_one(database, ours, task="mail") for _ in range(3)]
    assert len(await claim_some(database, ours, 2)) == 2
    other = await enqueue_one(database, ours, task="other")
    for found in (sorted(mails[:2]), mails[2:], []):
        answer = await call(database, ours.scope, cancel_matching, queue_id=ours.queue_id, most=2, task="mail")
        assert [item.id for item in answer] == found
    rows = await rows_of(database, ours, [other, done.id, *mails])
    stopping = ["processing", "processing"]
    assert [row["status"] for row in rows] == ["waiting", "completed", *stopping, "cancelled"]


async def test_items_are_retried_by_filter(database: Database, ours: Tenant) -> None:
    """Without a status the failed are retried, with one those; once retried they are not found again."""
    ends = {status: (await item_in(database, ours, status)).id for status in sorted(FINISHED_STATUSES)}
    answer = await call(database, ours.scope, retry_matching)
    assert [item.id for item in answer] == [ends.pop(ItemStatus.FAILED)]
    for found in (1, 0):
        for status, item_id in ends.items():
            answer = await call(database, ours.scope, retry_matching, status=status)
            assert [item.id for item in answer] == [item_id] * found
    rows = [await row_of(database, ours, item_id) for item_id in ends.values()]
    assert {row["status"] for row in rows} == {"waiting"}


async def test_a_retry_of_several_queues_keeps_to_the_depth_of_all(database: Database, ours: Tenant) -> None:
    """Items of two queues are not retried together when only those of one would fit into the organization."""
    other = await call(database, ours.scope, create_queue, name="other")
    owners = (ours, Tenant(ours.organization_id, other.id))
    ids = [(await item_in(database, owner, ItemStatus.FAILED)).id for owner in owners]
    await tell(database, "update organizations set max_queue_depth = 1")
    with pytest.raises(QueueFull):
        await call(database, ours.scope, retry_items, item_ids=ids)
    assert len(await call(database, ours.scope, retry_items, item_ids=ids[:1])) == 1


@pytest.mark.parametrize("function", [cancel_items, retry_items])
async def test_a_batch_of_ends_has_a_size(database: Database, ours: Tenant, *, function: Any) -> None:
    """Ids that are not here are left out of a batch; none, and too many, are refused by name."""
    assert await call(database, ours.scope, function, item_ids=[*NO_ITEM]) == []
    for wrong in ([], [new_id()] * (limits.BATCH_ITEMS + 1)):
        with pytest.raises(ValidationFailed) as refused:
            await call(database, ours.scope, function, item_ids=wrong)
        assert refused.value.details.keys() == {"item_ids"}


@pytest.mark.parametrize("item_id", NO_ITEM)
@pytest.mark.parametrize("function", [cancel_item, retry_item])
async def test_what_is_not_here_is_neither_cancelled_nor_retried(
    database: Database, ours: Tenant, *, function: Any, item_id: str
) -> None:
    """An item that is not here raises NotFound."""
    with pytest.raises(NotFound):
        await call(database, ours.scope, function, item_id=item_id)


@pytest.mark.parametrize("function", [cancel_matching, retry_matching])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tag", []),
        ("tag", 5),
        ("task", ["a"]),
        ("error", 1),
        ("status", "bogus"),
        ("status", 5),
        ("created_from", "today"),
        ("queue_ids", "abc"),
        ("most", 0),
        ("most", None),
        ("most", 1001),
        ("most", True),
    ],
)
async def test_what_is_no_filter_is_refused(
    database: Database, ours: Tenant, *, function: Any, field: str, value: Any
) -> None:
    """A value that cannot be a filter is refused by its name, and above all never taken for no filter at all."""
    (item_id,) = await enqueue_some(database, ours)
    with pytest.raises(ValidationFailed) as caught:
        await call(database, ours.scope, function, queue_id=ours.queue_id, **{field: value})
    assert list(caught.value.details) == [field]
    assert (await row_of(database, ours, item_id))["status"] == "waiting"
