from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import text
from tests.fixtures.items import (
    FINISHED,
    FLEET,
    bring_due,
    claim_one,
    claim_some,
    claimed,
    enqueue_some,
    expire,
    item_in,
    rescue_all,
    row_of,
    rows_of,
    sources_of,
)
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.item_status import TRANSITIONS, ItemStatus
from fairlead.domain.limits import ERRORS_KEPT
from fairlead.engine.rescue import Rescued, rescue

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("status", ItemStatus)
async def test_only_expired_leases_are_rescued(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status a rescue does what the life cycle says; elsewhere it changes nothing."""
    lease = await item_in(database, ours, status)
    await expire(database, lease)
    before = await row_of(database, ours, lease.id)
    rescued = await rescue_all(database)

    after = await row_of(database, ours, lease.id)
    if status in sources_of("rescue"):
        assert rescued == [Rescued(ours.organization_id, ours.queue_id, lease.id, ItemStatus.FAILED)]
        assert after["status"] == "failed"
    else:
        assert (rescued, after) == ([], before)


async def test_a_current_lease_is_left_alone(database: Database, ours: Tenant) -> None:
    """However long an item has been worked on, nobody takes it while its lease is current."""
    (lease,) = await claimed(database, ours)
    before = await row_of(database, ours, lease.id)
    assert await rescue_all(database) == []
    assert await row_of(database, ours, lease.id) == before


async def test_a_rescued_item_waits_again(database: Database, ours: Tenant) -> None:
    """With attempts left the item waits at once, behind the others; the attempt counts and says what happened."""
    (lease,) = await claimed(database, ours)
    (other,) = await enqueue_some(database, ours)
    await expire(database, lease)
    waiting = ItemStatus.WAITING
    assert await rescue_all(database) == [Rescued(ours.organization_id, ours.queue_id, lease.id, waiting)]

    row = await row_of(database, ours, lease.id)
    assert (row["ready"], row["attempts"], row["claims"], row["scheduled_for"]) == (True, 1, 1, None)
    assert [row[name] for name in ("started_at", "lease_expires_at", "worker_id")] == [None] * 3
    assert "worker worker did not report" in row["error_message"]
    assert [(error["attempt"], error["error"]) for error in row["errors"]] == [(1, row["error_message"])]
    assert [item.id for item in await claim_some(database, ours)] == [other, lease.id]


async def test_a_poison_item_ends(database: Database, ours: Tenant) -> None:
    """An item whose worker dies every time is claimed exactly `max_attempts` times and then has failed."""
    (item_id,) = await enqueue_some(database, ours, max_attempts=3)
    outcomes = []
    while items := await claim_some(database, ours):
        await expire(database, *[item.lease for item in items])
        outcomes += [rescued.status for rescued in await rescue_all(database)]
        await bring_due(database)

    assert outcomes == [ItemStatus.WAITING, ItemStatus.WAITING, ItemStatus.FAILED]
    (transition,) = [transition for transition in TRANSITIONS if transition.verb == "rescue"]
    assert set(outcomes) == transition.targets - {ItemStatus.CANCELLED}
    row = await row_of(database, ours, item_id)
    assert (row["leaf"], row["attempts"], row["claims"], row["completed_at"]) == (FINISHED, 3, 3, None)
    assert len(row["errors"]) == 3


async def test_what_died_together_twice_comes_back_apart(database: Database, ours: Tenant) -> None:
    """Items rescued together a second time become ready at moments of their own, spread over ten seconds."""
    ids = await enqueue_some(database, ours, 50)
    for _ in range(2):
        await expire(database, *[item.lease for item in await claim_some(database, ours)])
        await rescue_all(database)

    rows = await rows_of(database, ours, ids)
    due = sorted(datetime.fromisoformat(row["scheduled_for"]) for row in rows)
    assert not any(row["ready"] for row in rows)
    assert 5 < (due[-1] - due[0]).total_seconds() <= 10
    assert len(set(due)) > 40


async def test_only_the_last_errors_are_kept(database: Database, ours: Tenant) -> None:
    """However often an item is rescued it remembers the last ten errors."""
    (item_id,) = await enqueue_some(database, ours, max_attempts=1000)
    for _ in range(ERRORS_KEPT + 2):
        await expire(database, (await claim_one(database, ours)).lease)
        await rescue_all(database)
        await bring_due(database)
    row = await row_of(database, ours, item_id)
    assert [error["attempt"] for error in row["errors"]] == list(range(3, ERRORS_KEPT + 3))


async def test_the_longest_expired_come_first(database: Database, ours: Tenant) -> None:
    """A bounded rescue takes those that have been waiting longest, and no more than it was told."""
    leases = await claimed(database, ours, 3)
    since = text(
        "update queue_items_live set lease_expires_at = statement_timestamp() - make_interval(secs => :s) "
        "where id = :id"
    )
    async with database.unit_of_work(FLEET) as session:
        for lease, seconds in zip(leases, (5, 20, 10), strict=True):
            await session.execute(since.bindparams(id=lease.id, s=seconds))
    taken = [{rescued.id for rescued in await rescue_all(database, most=2)} for _ in range(3)]
    assert taken == [{leases[1].id, leases[2].id}, {leases[0].id}, set()]


async def test_one_rescue_serves_every_organization(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A rescue crosses organizations and says whose each item is."""
    leases = [(await claimed(database, owner))[0] for owner in (ours, theirs)]
    await expire(database, *leases)
    found = {(rescued.organization_id, rescued.queue_id, rescued.id) for rescued in await rescue_all(database)}
    assert found == {
        (owner.organization_id, owner.queue_id, lease.id) for owner, lease in zip((ours, theirs), leases, strict=True)
    }


async def test_what_another_transaction_holds_is_skipped_without_waiting(database: Database, ours: Tenant) -> None:
    """A rescue passes over rows that somebody else has locked, at once."""
    first, second = await claimed(database, ours, 2)
    await expire(database, first, second)
    async with database.unit_of_work(FLEET) as holder:
        await holder.execute(text("select from queue_items_live where id = :id for update").bindparams(id=first.id))
        async with database.unit_of_work(FLEET) as session:
            # A millisecond to wait for a lock: whoever waits at all fails.
            await session.execute(text("set local lock_timeout = '1ms'"))
            assert [rescued.id for rescued in await rescue(session, FLEET, most=10)] == [second.id]
    rows = await rows_of(database, ours, [first.id, second.id])
    assert [row["status"] for row in rows] == ["processing", "waiting"]
