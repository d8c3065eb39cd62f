from __future__ import annotations

from typing import Any

import pytest
from tests.fixtures.items import (
    FINISHED,
    FLEET,
    LIVE,
    claim_one,
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
from tests.fixtures.leases import LOSSES, Loss, name_of
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.complete import Completion, complete
from fairlead.engine.enqueue import NewItem, enqueue
from fairlead.engine.reports import Lease

pytestmark = pytest.mark.anyio

CHANGES = {"leaf", "status", "result", "completed_at", "finished_at", "lease_expires_at"}


async def _complete(database: Database, *leases: Lease, result: Any = None) -> set[str]:
    async with database.unit_of_work(FLEET) as session:
        return await complete(session, FLEET, completions=[Completion(lease, result) for lease in leases])


@pytest.mark.parametrize("status", ItemStatus)
async def test_only_processing_items_are_completed(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status completing does what the life cycle says; elsewhere it changes nothing."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    accepted = await _complete(database, lease, result={"a": 1})

    after = await row_of(database, ours, lease.id)
    if status in sources_of("complete"):
        assert (accepted, after["status"]) == ({lease.id}, "completed")
    else:
        repeated = {lease.id} if status is ItemStatus.COMPLETED else set()
        assert (accepted, after) == (repeated, before)


async def test_a_completed_item_is_filed_with_its_result(database: Database, ours: Tenant) -> None:
    """Completing moves the row to the finished leaves, with result and times, and keeps all the rest."""
    (lease,) = await claimed(database, ours, task="mail", tags=("a",), trace="t", priority=4)
    before = await row_of(database, ours, lease.id)
    assert await _complete(database, lease, result={"sent": True}) == {lease.id}

    after = await row_of(database, ours, lease.id)
    assert (before["leaf"], after["leaf"]) == (LIVE, FINISHED)
    assert (after["status"], after["result"], after["lease_expires_at"]) == ("completed", {"sent": True}, None)
    assert after["completed_at"] == after["finished_at"] > before["started_at"]
    assert {name: after[name] for name in after.keys() - CHANGES} == {
        name: before[name] for name in before.keys() - CHANGES
    }


@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
async def test_a_lost_lease_completes_nothing(database: Database, ours: Tenant, loss: Loss) -> None:
    """However the lease was lost, the outcome is refused and the row stays exactly as it was."""
    lease = await loss(database, ours)
    before = await row_of(database, ours, lease.id)
    assert await _complete(database, lease, result={"late": True}) == set()
    assert await row_of(database, ours, lease.id) == before


async def test_the_same_lease_may_repeat_itself(database: Database, ours: Tenant) -> None:
    """A repeated report of the lease that completed the item is accepted again and changes nothing."""
    (lease,) = await claimed(database, ours)
    await _complete(database, lease, result={"try": 1})
    before = await row_of(database, ours, lease.id)
    assert await _complete(database, lease, result={"try": 2}) == {lease.id}
    assert await row_of(database, ours, lease.id) == before


async def test_an_older_lease_is_refused_after_completion(database: Database, ours: Tenant) -> None:
    """Once another lease has completed the item, the older one is told that it lost."""
    (old,) = await claimed(database, ours)
    await expire(database, old)
    assert len(await rescue_all(database)) == 1
    current = await claim_one(database, ours)
    await _complete(database, current.lease)
    before = await row_of(database, ours, old.id)
    assert await _complete(database, old) == set()
    assert await row_of(database, ours, old.id) == before


async def test_a_mixed_batch_answers_each_for_itself(database: Database, ours: Tenant) -> None:
    """In one batch the new, the repeated, the lost and the unknown each get the answer they would get alone."""
    fresh, repeated, lost = await claimed(database, ours, 3)
    await _complete(database, repeated)
    await expire(database, lost)
    assert await _complete(database, lost, never_granted(ours), repeated, fresh) == {fresh.id, repeated.id}
    rows = await rows_of(database, ours, [fresh.id, repeated.id, lost.id])
    assert [row["status"] for row in rows] == ["completed", "completed", "processing"]


async def test_a_batch_gives_each_item_its_own_result(database: Database, ours: Tenant) -> None:
    """Results go to the items they are for; none given is stored as none."""
    leases = await claimed(database, ours, 3)
    results: list[Any] = [{"number": 0}, None, {"number": 2}]
    completions = [Completion(lease, result) for lease, result in zip(leases, results, strict=True)]
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=completions)
    rows = await rows_of(database, ours, [lease.id for lease in leases])
    assert [row["result"] for row in rows] == results


async def test_an_item_reported_twice_in_one_batch_is_completed_once(database: Database, ours: Tenant) -> None:
    """Naming an item twice in one batch is one completion, accepted."""
    (lease,) = await claimed(database, ours)
    assert await _complete(database, lease, lease) == {lease.id}
    assert (await row_of(database, ours, lease.id))["status"] == "completed"


async def test_equal_ids_of_two_organizations_do_not_mix(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """An id is unique only inside its organization: a batch of the fleet keeps results and answers apart."""
    item_id = new_id()
    leases = []
    for owner in (ours, theirs):
        async with database.unit_of_work(owner.scope) as session:
            items = [NewItem(id=item_id, payload={})]
            await enqueue(session, owner.scope, queue_id=owner.queue_id, items=items)
        leases.append((await claim_one(database, owner)).lease)
    done = [Completion(lease, {"of": lease.organization_id}) for lease in leases]
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=done)

    results = [(await row_of(database, owner, item_id))["result"] for owner in (ours, theirs)]
    assert results == [{"of": ours.organization_id}, {"of": theirs.organization_id}]


async def test_completing_leaves_other_items_alone(database: Database, ours: Tenant) -> None:
    """What is not in the batch is not touched."""
    (waiting,) = await enqueue_some(database, ours, delay_seconds=3600.0)
    first, second = await claimed(database, ours, 2)
    others = [waiting, second.id]
    before = await rows_of(database, ours, others)
    await _complete(database, first)
    assert await rows_of(database, ours, others) == before


async def test_nothing_to_complete_is_no_error(database: Database) -> None:
    """An empty batch completes nothing."""
    assert await _complete(database) == set()
