from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.fixtures.accounts import differences, taken
from tests.fixtures.items import (
    FINISHED,
    FLEET,
    LIVE,
    claimed,
    enqueue_some,
    expire,
    item_in,
    row_of,
    rows_of,
    sources_of,
)
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.cancel import Cancelled, cancel
from fairlead.engine.complete import Completion, complete

pytestmark = pytest.mark.anyio

CHANGES = {"leaf", "status", "finished_at"}


async def _cancel(
    database: Database, owner: Tenant, *item_ids: str, deadline_seconds: float | None = None
) -> list[Cancelled]:
    async with database.unit_of_work(owner.scope) as session:
        return await cancel(session, owner.scope, item_ids=item_ids, deadline_seconds=deadline_seconds)


@pytest.mark.parametrize("status", ItemStatus)
async def test_only_live_items_are_cancelled(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status cancelling does what the life cycle says; a finished item stays exactly as it was."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    cancelled = await _cancel(database, ours, lease.id)

    after = await row_of(database, ours, lease.id)
    if status in sources_of("cancel"):
        held = status is ItemStatus.PROCESSING
        worker_id = "worker" if held else None
        told = Cancelled(ours.organization_id, lease.id, ours.queue_id, status, lease.claims, worker_id, not held)
        assert (cancelled, after["status"]) == ([told], "processing" if held else "cancelled")
    else:
        assert (cancelled, after) == ([], before)
    assert await differences(database) == []


async def test_a_cancelled_item_is_filed_as_it_was(database: Database, ours: Tenant) -> None:
    """Cancelling moves a waiting row to the finished leaves with the time of it, and keeps all the rest."""
    lease = await item_in(database, ours, ItemStatus.WAITING)
    before = await row_of(database, ours, lease.id)
    await _cancel(database, ours, lease.id)

    after = await row_of(database, ours, lease.id)
    assert (before["leaf"], after["leaf"]) == (LIVE, FINISHED)
    assert (after["lease_expires_at"], after["completed_at"], after["result"]) == (None, None, None)
    assert after["finished_at"] > before["created_at"]
    assert {name: after[name] for name in after.keys() - CHANGES} == {
        name: before[name] for name in before.keys() - CHANGES
    }


async def test_what_is_worked_on_is_asked_to_stop(database: Database, ours: Tenant) -> None:
    """Of an item that somebody holds only the request is noted, and asking once more changes nothing."""
    (lease,) = await claimed(database, ours)
    before = await row_of(database, ours, lease.id)
    first = await _cancel(database, ours, lease.id)
    after = await row_of(database, ours, lease.id)
    assert after == before | {"cancel_requested_at": after["cancel_requested_at"]}
    assert after["cancel_requested_at"] is not None

    assert await _cancel(database, ours, lease.id) == first
    assert await row_of(database, ours, lease.id) == after
    assert await differences(database) == []


async def test_a_deadline_brings_the_end_of_the_lease_forward(database: Database, ours: Tenant) -> None:
    """The holder gets as long as it is given, and never longer than its lease lasts, whoever asks again."""
    (lease,) = await claimed(database, ours)
    ends = [datetime.fromisoformat((await row_of(database, ours, lease.id))["lease_expires_at"])]
    for seconds in (3600.0, 10.0, 20.0, None):
        await _cancel(database, ours, lease.id, deadline_seconds=seconds)
        ends.append(datetime.fromisoformat((await row_of(database, ours, lease.id))["lease_expires_at"]))
    assert ends[0] == ends[1]
    assert timedelta(seconds=15) < ends[1] - ends[2] < timedelta(seconds=21)  # a lease is thirty seconds
    assert ends[2] == ends[3] == ends[4]


async def test_nobody_is_asked_whose_lease_is_over(database: Database, ours: Tenant) -> None:
    """An item whose holder's time is over ends at once, also when it was being cancelled."""
    leases = await claimed(database, ours, 2)
    await _cancel(database, ours, leases[0].id)
    await expire(database, *leases)
    cancelled = await _cancel(database, ours, *(lease.id for lease in leases))
    assert [item.ended for item in cancelled] == [True, True]
    rows = await rows_of(database, ours, [lease.id for lease in leases])
    assert [(row["status"], row["leaf"], row["cancel_requested_at"] is None) for row in rows] == [
        ("cancelled", FINISHED, False),
        ("cancelled", FINISHED, True),
    ]
    assert await differences(database) == []


async def test_what_waits_for_later_is_cancelled_too(database: Database, ours: Tenant) -> None:
    """An item for later and one that is blocked are waiting items as any other."""
    (later,) = await enqueue_some(database, ours, delay_seconds=3600.0)
    (blocked,) = await enqueue_some(database, ours, ordering_key="k")
    assert {item.id for item in await _cancel(database, ours, later, blocked)} == {later, blocked}
    rows = await rows_of(database, ours, [later, blocked])
    assert [(row["status"], row["leaf"]) for row in rows] == [("cancelled", FINISHED)] * 2


async def test_a_mixed_batch_answers_each_for_itself(database: Database, ours: Tenant) -> None:
    """A batch cancels what can be cancelled, tells which in the order of ids, and passes over all the rest."""
    held, done = await claimed(database, ours, 2)
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(done)])
    waiting = await enqueue_some(database, ours, 2)
    cancelled = await _cancel(database, ours, done.id, new_id(), held.id, waiting[0], held.id)
    assert [item.id for item in cancelled] == sorted([held.id, waiting[0]])
    rows = await rows_of(database, ours, [done.id, waiting[1]])
    assert [row["status"] for row in rows] == ["completed", "waiting"]
    assert await differences(database) == []


async def test_a_cancellation_gives_the_slots_back(database: Database) -> None:
    """Slots of items whose holders' time is over are given back at once; those still worked on keep theirs."""
    owner = await make_tenant(database, max_concurrency=3)
    leases = await claimed(database, owner, 5)
    assert (len(leases), await taken(database, owner)) == (3, (3, 3))
    await expire(database, leases[0])
    await _cancel(database, owner, *(lease.id for lease in leases[:2]))
    assert await taken(database, owner) == (2, 2)
    assert await differences(database) == []


async def test_an_item_of_a_deleted_queue_is_not_cancelled(database: Database, ours: Tenant) -> None:
    """Items of a soft-deleted queue are as good as gone: nothing is changed and nothing comes back."""
    (lease,) = await claimed(database, ours)
    await tell(database, "update queues set deleted_at = now()")
    before = await row_of(database, ours, lease.id)
    assert await _cancel(database, ours, lease.id) == []
    assert await row_of(database, ours, lease.id) == before


async def test_nothing_to_cancel_is_no_error(database: Database, ours: Tenant) -> None:
    """An empty batch cancels nothing."""
    assert await _cancel(database, ours) == []
