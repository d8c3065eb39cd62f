from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fixtures.items import FINISHED, LIVE, claimed, row_of
from tests.fixtures.leases import LOSSES, Loss, name_of
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.errors import FairleadError, LeaseLost, NotFound, ValidationFailed
from fairlead.queries.items import get_item, get_item_page
from fairlead.queries.page import Window
from fairlead.queries.queues import get_queue, get_queue_page
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import (
    claim_items,
    complete_item,
    enqueue_items,
    fail_item,
    release_item,
    renew_item,
)

pytestmark = pytest.mark.anyio
Outcome = Callable[[Session, TenantScope, str, int], Awaitable[object]]


async def _complete(session: Session, scope: TenantScope, item_id: str, lease: int) -> object:
    return await complete_item(session, scope, item_id=item_id, lease=lease, result={"a": 1})


async def _fail(session: Session, scope: TenantScope, item_id: str, lease: int) -> object:
    return await fail_item(session, scope, item_id=item_id, lease=lease, error="no")


async def _renew(session: Session, scope: TenantScope, item_id: str, lease: int) -> object:
    return await renew_item(session, scope, item_id=item_id, lease=lease, progress={"a": 1})


async def _release(session: Session, scope: TenantScope, item_id: str, lease: int) -> object:
    return await release_item(session, scope, item_id=item_id, lease=lease)


OUTCOMES: list[Outcome] = [_complete, _fail, _renew, _release]


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


async def test_claimed_items_come_whole_and_in_order(database: Database, ours: Tenant) -> None:
    """A claim returns whole items in the queue's order, with what an outcome has to show."""
    low = await enqueue_one(database, ours)
    high = await enqueue_one(database, ours, priority=1)

    async with database.unit_of_work(ours.scope) as session:
        held = await claim_items(session, ours.scope, queue_id=ours.queue_id, limit=10, worker_id="w")

    assert [(one.item.id, one.lease, one.item.status.value) for one in held] == [
        (high, 1, "processing"),
        (low, 1, "processing"),
    ]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
async def test_lost_leases_are_told(database: Database, ours: Tenant, *, loss: Loss, outcome: Outcome) -> None:
    """However a lease was lost, its outcome raises LeaseLost and leaves the row as it was."""
    lease = await loss(database, ours)
    before = await row_of(database, ours, lease.id)

    with pytest.raises(LeaseLost):
        async with database.unit_of_work(ours.scope) as session:
            await outcome(session, ours.scope, lease.id, lease.claims)

    assert await row_of(database, ours, lease.id) == before


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("item_id", ["k3f9x2m7q1w8e5r4t6y0u2i9", "short", "\x00"])
async def test_unknown_items_are_told(database: Database, ours: Tenant, *, item_id: str, outcome: Outcome) -> None:
    """An outcome for an item that is not here raises NotFound, not LeaseLost."""
    with pytest.raises(NotFound):
        async with database.unit_of_work(ours.scope) as session:
            await outcome(session, ours.scope, item_id, 1)


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_row_security_alone_hides_items(
    database: Database, ours: Tenant, theirs: Tenant, *, outcome: Outcome
) -> None:
    """With our own filter aimed at another organization, row security alone hides its item from every outcome."""
    [lease] = await claimed(database, theirs)
    before = await row_of(database, theirs, lease.id)

    with pytest.raises(NotFound):
        async with database.unit_of_work(ours.scope) as session:
            await outcome(session, forged(theirs), lease.id, lease.claims)

    assert await row_of(database, theirs, lease.id) == before


async def test_row_security_alone_hides_queues_and_reads(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """With our own filter aimed at another organization, every read and every way in shows and takes nothing."""
    [lease] = await claimed(database, theirs)
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
    ]
    for attempt in attempts:
        assert await refused(attempt) is NotFound
    async with database.unit_of_work(ours.scope) as session:
        assert (await get_queue_page(session, scope, window=Window())).total == 0
        assert (await get_item_page(session, scope, queue_id=queue_id, window=Window())).total == 0


async def test_results_are_kept_once(database: Database, ours: Tenant) -> None:
    """A repeated completion returns the item as the first left it."""
    [lease] = await claimed(database, ours)
    answers = []
    for result in ({"first": True}, {"second": True}):
        async with database.unit_of_work(ours.scope) as session:
            answers.append(
                await complete_item(session, ours.scope, item_id=lease.id, lease=lease.claims, result=result)
            )

    assert answers[0] == answers[1]
    assert answers[0].result == {"first": True}
    assert (await row_of(database, ours, lease.id))["leaf"] == FINISHED


async def test_errors_are_cut_and_mended_never_refused(database: Database, ours: Tenant) -> None:
    """An error text of any length and content is kept, as far as it can be."""
    [lease] = await claimed(database, ours)
    error = "a\x00b\ud800" + "x" * limits.ERROR_CHARACTERS

    async with database.unit_of_work(ours.scope) as session:
        item = await fail_item(session, ours.scope, item_id=lease.id, lease=lease.claims, error=error)

    assert item.error_message is not None
    assert item.error_message.startswith("a\N{REPLACEMENT CHARACTER}b?x")
    assert len(item.error_message) == limits.ERROR_CHARACTERS
    assert (await row_of(database, ours, lease.id))["leaf"] == LIVE
