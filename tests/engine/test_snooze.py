from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.fixtures.accounts import differences, taken
from tests.fixtures.items import (
    FLEET,
    LIVE,
    bring_due,
    claim_one,
    claim_some,
    claimed,
    enqueue_some,
    item_in,
    row_of,
    rows_of,
    sources_of,
)
from tests.fixtures.leases import LOSSES, Loss, name_of
from tests.fixtures.organizations import Tenant, make_tenant

from fairlead.db.session import Database
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.reports import Lease
from fairlead.engine.snooze import Snooze, snooze

pytestmark = pytest.mark.anyio

CHANGES = {
    "status",
    "ready",
    "scheduled_for",
    "seq",
    "attempts",
    "started_at",
    "lease_expires_at",
    "worker_id",
    "counted",
}


async def _snooze(database: Database, *leases: Lease, delay_seconds: float = 60.0) -> set[str]:
    async with database.unit_of_work(FLEET) as session:
        return await snooze(session, FLEET, snoozes=[Snooze(lease, delay_seconds) for lease in leases])


@pytest.mark.parametrize("status", ItemStatus)
async def test_only_processing_items_are_snoozed(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status snoozing does what the life cycle says; elsewhere it changes nothing."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    accepted = await _snooze(database, lease)

    after = await row_of(database, ours, lease.id)
    if status in sources_of("snooze"):
        assert (accepted, after["status"], after["leaf"]) == ({lease.id}, "waiting", LIVE)
    else:
        assert (accepted, after) == (set(), before)
    assert await differences(database) == []


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
async def test_a_lost_lease_snoozes_nothing(database: Database, ours: Tenant, loss: Loss) -> None:
    """However the lease was lost, the outcome is refused and the row stays exactly as it was."""
    lease = await loss(database, ours)
    before = await row_of(database, ours, lease.id)
    assert await _snooze(database, lease) == set()
    assert await row_of(database, ours, lease.id) == before


async def test_a_snoozed_item_waits_for_its_delay(database: Database, ours: Tenant) -> None:
    """It is due after the delay by the database's clock, the attempt is given back, the claim is not."""
    (lease,) = await claimed(database, ours)
    before = await row_of(database, ours, lease.id)
    await _snooze(database, lease, delay_seconds=90.5)

    after = await row_of(database, ours, lease.id)
    assert (after["ready"], after["attempts"], after["claims"], after["errors"]) == (False, 0, 1, [])
    started, due = (datetime.fromisoformat(when) for when in (before["started_at"], after["scheduled_for"]))
    assert timedelta(seconds=90.5) <= due - started < timedelta(seconds=95)
    assert {name: after[name] for name in after.keys() - CHANGES} == {
        name: before[name] for name in before.keys() - CHANGES
    }
    assert await claim_some(database, ours) == []


async def test_an_item_may_be_snoozed_for_ever(database: Database, ours: Tenant) -> None:
    """However often an item is put off, its only attempt is still its first, and each lease has its own number."""
    await enqueue_some(database, ours, max_attempts=1)
    numbers = []
    for _ in range(4):
        item = await claim_one(database, ours)
        numbers.append((item.attempts, item.claims))
        await _snooze(database, item.lease, delay_seconds=0)
    assert numbers == [(1, 1), (1, 2), (1, 3), (1, 4)]


async def test_a_snoozed_item_goes_behind_the_others(database: Database, ours: Tenant) -> None:
    """Whether at once or later, an item that was put off comes back behind those that waited meanwhile."""
    first, second, third = await enqueue_some(database, ours, 3)
    (item,) = await claim_some(database, ours, 1)
    await _snooze(database, item.lease, delay_seconds=0)
    assert [one.id for one in await claim_some(database, ours, 2)] == [second, third]
    again = await claim_one(database, ours)
    await _snooze(database, again.lease)
    await bring_due(database)
    assert [one.id for one in await claim_some(database, ours)] == [first]


async def test_each_item_of_a_batch_has_its_own_delay(database: Database, ours: Tenant) -> None:
    """Delays go to the items they are for, and no item is in the batch twice."""
    leases = await claimed(database, ours, 3)
    snoozes = [Snooze(lease, delay) for lease, delay in zip(leases, (0.0, 60.0, 3600.0), strict=True)]
    async with database.unit_of_work(FLEET) as session:
        assert await snooze(session, FLEET, snoozes=snoozes) == {lease.id for lease in leases}
    rows = await rows_of(database, ours, [lease.id for lease in leases])
    assert [row["ready"] for row in rows] == [True, False, False]
    assert rows[0]["scheduled_for"] < rows[1]["scheduled_for"] < rows[2]["scheduled_for"]


async def test_a_snooze_gives_the_slots_back(database: Database) -> None:
    """An item that was put off takes no slot of its queue and organization while it waits."""
    owner = await make_tenant(database, max_concurrency=2)
    leases = await claimed(database, owner, 3)
    await _snooze(database, leases[0])
    assert await taken(database, owner) == (1, 1)
    assert len(await claim_some(database, owner)) == 1
    assert await differences(database) == []


async def test_a_stale_lease_beside_the_current_one_says_nothing(database: Database, ours: Tenant) -> None:
    """When one batch shows an item's old and its current lease, only the delay of the current one counts."""
    (old,) = await claimed(database, ours)
    await _snooze(database, old, delay_seconds=0)
    item = await claim_one(database, ours)
    async with database.unit_of_work(FLEET) as session:
        assert await snooze(session, FLEET, snoozes=[Snooze(old, 3600.0), Snooze(item.lease, 0.0)]) == {item.id}
    assert (await row_of(database, ours, item.id))["ready"]
