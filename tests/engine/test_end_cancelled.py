from __future__ import annotations

from datetime import datetime

import pytest
from tests.fixtures.accounts import differences, taken
from tests.fixtures.items import (
    FINISHED,
    FLEET,
    bring_due,
    claim_some,
    claimed,
    enqueue_some,
    expire,
    item_in,
    never_granted,
    rescue_all,
    row_of,
    rows_of,
    sources_of,
)
from tests.fixtures.leases import LOSSES, Loss, being_cancelled, name_of
from tests.fixtures.organizations import Tenant, make_tenant

from fairlead.db.session import Database
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.advance import advance
from fairlead.engine.cancel import cancel
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease

pytestmark = pytest.mark.anyio

CHANGES = {"leaf", "status", "finished_at", "lease_expires_at", "counted"}


async def _cancel(database: Database, owner: Tenant, *leases: Lease) -> None:
    async with database.unit_of_work(owner.scope) as session:
        await cancel(session, owner.scope, item_ids=[lease.id for lease in leases])


async def _end(database: Database, *leases: Lease) -> set[str]:
    async with database.unit_of_work(FLEET) as session:
        return await end_cancelled(session, FLEET, leases=leases)


async def _next_turn(database: Database, owner: Tenant) -> list[Lease]:
    async with database.unit_of_work(FLEET) as session:
        await advance(session, FLEET, most=10)
    return [item.lease for item in await claim_some(database, owner)]


async def test_it_ends_as_it_was(database: Database, ours: Tenant) -> None:
    """Once its holder has stopped the item moves to the finished leaves, and keeps what it was."""
    lease = await being_cancelled(database, ours)
    before = await row_of(database, ours, lease.id)
    assert await _end(database, lease) == {lease.id}

    after = await row_of(database, ours, lease.id)
    assert {ItemStatus(after["status"])} == {ItemStatus.CANCELLED} <= sources_of("retry")
    assert (after["leaf"], after["lease_expires_at"], after["completed_at"]) == (FINISHED, None, None)
    assert after["finished_at"] > after["cancel_requested_at"]
    assert {name: after[name] for name in after.keys() - CHANGES} == {
        name: before[name] for name in before.keys() - CHANGES
    }
    assert await differences(database) == []


@pytest.mark.parametrize("status", ItemStatus)
async def test_nothing_else_is_ended(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """An item that nobody has cancelled is not ended by its holder, nor one that has ended."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    assert await _end(database, lease) == set()
    assert await row_of(database, ours, lease.id) == before


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss is not being_cancelled], ids=name_of)
async def test_only_its_holder_ends_it(database: Database, ours: Tenant, loss: Loss) -> None:
    """However a lease was lost, whoever had it ends nothing by it, also while the item is being cancelled again."""
    lease = await loss(database, ours)
    await bring_due(database)
    await claim_some(database, ours)
    if name_of(loss) != "expired":
        await _cancel(database, ours, lease)
    before = await row_of(database, ours, lease.id)
    assert await _end(database, lease) == set()
    assert await row_of(database, ours, lease.id) == before


async def test_slots_are_kept_until_then(database: Database) -> None:
    """Cancelled items that are worked on take their slots until their holders have stopped: nothing else begins."""
    owner = await make_tenant(database, max_concurrency=2)
    leases = await claimed(database, owner, 5)
    await _cancel(database, owner, *leases)
    assert await taken(database, owner) == (2, 2)
    assert await claim_some(database, owner) == []

    await _end(database, leases[0])
    assert await taken(database, owner) == (1, 1)
    assert len(await claim_some(database, owner)) == 1
    assert await differences(database) == []


async def test_an_ordering_key_is_kept_until_then(database: Database, ours: Tenant) -> None:
    """The next item of a cancelled one's ordering key comes forward when the holder has stopped, not before."""
    ids = await enqueue_some(database, ours, 2, ordering_key="k")
    (first,) = await _next_turn(database, ours)
    await _cancel(database, ours, first)
    assert await _next_turn(database, ours) == []
    await _end(database, first)
    (second,) = await _next_turn(database, ours)
    assert [first.id, second.id] == ids


async def test_a_renewal_does_not_put_it_off(database: Database, ours: Tenant) -> None:
    """The holder of an item that is being cancelled cannot keep its lease, and so has until its end to stop."""
    lease = await being_cancelled(database, ours)
    before = await row_of(database, ours, lease.id)
    async with database.unit_of_work(FLEET) as session:
        assert await renew(session, FLEET, leases=[lease], lease_seconds=3600) == {}
    assert await row_of(database, ours, lease.id) == before


async def test_a_holder_that_does_not_stop_in_time_is_not_waited_for(database: Database) -> None:
    """After the lease's end a rescue ends the item, whatever attempts are left, and never lets it wait again."""
    owner = await make_tenant(database, max_concurrency=1)
    [lease] = await claimed(database, owner)
    await _cancel(database, owner, lease)
    await expire(database, lease)
    assert [(item.id, item.status) for item in await rescue_all(database)] == [(lease.id, ItemStatus.CANCELLED)]

    row = await row_of(database, owner, lease.id)
    assert (row["status"], row["leaf"], row["attempts"]) == ("cancelled", FINISHED, 1)
    assert datetime.fromisoformat(row["cancel_requested_at"]) < datetime.fromisoformat(row["finished_at"])
    assert "worker worker did not report in time" in row["error_message"]
    assert (await taken(database, owner), await differences(database)) == ((0, 0), [])


async def test_a_mixed_batch_ends_what_is_being_cancelled(database: Database, ours: Tenant) -> None:
    """In one batch those are ended that were cancelled, whatever stands beside them."""
    leases = await claimed(database, ours, 3)
    await _cancel(database, ours, *leases[1:])
    assert await _end(database, leases[2], never_granted(ours), *leases[:2]) == {lease.id for lease in leases[1:]}
    assert [row["status"] for row in await rows_of(database, ours, [lease.id for lease in leases])] == [
        "processing",
        "cancelled",
        "cancelled",
    ]
    assert await _end(database) == set()
