from __future__ import annotations

import pytest
from tests.fixtures.accounts import differences
from tests.fixtures.items import (
    FINISHED,
    FLEET,
    LIVE,
    claim_one,
    claim_some,
    claimed,
    enqueue_some,
    item_in,
    row_of,
    rows_of,
    sources_of,
)
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.domain.ids import new_id, new_ids
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.advance import advance
from fairlead.engine.cancel import cancel
from fairlead.engine.complete import Completion, complete
from fairlead.engine.enqueue import NewItem, UniqueWhile
from fairlead.engine.enqueue_limited import enqueue_limited
from fairlead.engine.fail import Failure, fail
from fairlead.engine.reports import Lease
from fairlead.engine.retry import Retried, retry

pytestmark = pytest.mark.anyio


async def _retry(database: Database, owner: Tenant, *item_ids: str) -> list[Retried]:
    async with database.unit_of_work(owner.scope) as session:
        return await retry(session, owner.scope, item_ids=item_ids)


async def _failed(database: Database, *leases: Lease) -> None:
    async with database.unit_of_work(FLEET) as session:
        await fail(session, FLEET, failures=[Failure(lease, "no", give_up=True) for lease in leases])


async def _enqueue_unique(database: Database, owner: Tenant, key: str, held_while: UniqueWhile) -> str:
    item = NewItem(new_id(), {}, unique_key=key, unique_while=held_while)
    async with database.unit_of_work(owner.scope) as session:
        assert await enqueue_limited(session, owner.scope, queue_id=owner.queue_id, items=[item]) == {item.id}
    return item.id


@pytest.mark.parametrize("status", ItemStatus)
async def test_only_finished_items_are_retried(database: Database, ours: Tenant, status: ItemStatus) -> None:
    """From each status a retry does what the life cycle says; a live item stays exactly as it was."""
    lease = await item_in(database, ours, status)
    before = await row_of(database, ours, lease.id)
    retried = await _retry(database, ours, lease.id)

    after = await row_of(database, ours, lease.id)
    if status in sources_of("retry"):
        told = Retried(ours.organization_id, lease.id, ours.queue_id, status)
        assert (retried, after["status"], after["leaf"]) == ([told], "waiting", LIVE)
    else:
        assert (retried, after) == ([], before)
    assert await differences(database) == []


async def test_a_retried_item_starts_again(database: Database, ours: Tenant) -> None:
    """Attempts, result and times begin again; claims, errors, payload and all that was wished for stay."""
    (lease,) = await claimed(database, ours, task="mail", tags=("a",), trace="t", priority=4, max_attempts=2)
    await _failed(database, lease)
    before = await row_of(database, ours, lease.id)
    await _retry(database, ours, lease.id)

    after = await row_of(database, ours, lease.id)
    assert (after["attempts"], after["claims"], after["ready"], after["seq"] > before["seq"]) == (0, 1, True, True)
    gone = ("result", "progress", "started_at", "completed_at", "lease_expires_at", "worker_id", "scheduled_for")
    assert [after[name] for name in gone] == [None] * len(gone)
    kept = ("payload", "priority", "max_attempts", "errors", "error_message", "created_at", "task", "tags", "trace")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert len(after["errors"]) == 1


async def test_an_old_lease_stays_dead(database: Database, ours: Tenant) -> None:
    """Claims go on counting, so that no lease from before the retry is ever accepted."""
    (old,) = await claimed(database, ours)
    await _failed(database, old)
    await _retry(database, ours, old.id)
    item = await claim_one(database, ours)
    assert (item.claims, item.attempts) == (2, 1)
    async with database.unit_of_work(FLEET) as session:
        assert await complete(session, FLEET, completions=[Completion(old)]) == set()
        assert await complete(session, FLEET, completions=[Completion(item)]) == {old.id}


async def test_a_batch_waits_in_the_order_in_which_it_ended(database: Database, ours: Tenant) -> None:
    """Many are retried at once, behind what waits already, those first that ended first."""
    leases = await claimed(database, ours, 4)
    for lease in reversed(leases):
        await _failed(database, lease)
    (waiting,) = await enqueue_some(database, ours)
    ids = [lease.id for lease in leases]
    assert [item.id for item in await _retry(database, ours, *ids, new_id(), waiting)] == sorted(ids)
    assert [item.id for item in await claim_some(database, ours)] == [waiting, *reversed(ids)]
    assert await differences(database) == []


@pytest.mark.parametrize("held_while", ["active", "waiting"])
async def test_an_item_whose_key_is_taken_stays_finished(
    database: Database, ours: Tenant, held_while: UniqueWhile
) -> None:
    """A key that another item holds by now is not taken from it; the rest of the batch is retried."""
    old = await _enqueue_unique(database, ours, "k", held_while)
    (free,) = await enqueue_some(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await cancel(session, ours.scope, item_ids=[old, free])
    await _enqueue_unique(database, ours, "k", held_while)
    before = await row_of(database, ours, old)
    assert [item.id for item in await _retry(database, ours, old, free)] == [free]
    assert await row_of(database, ours, old) == before
    assert await differences(database) == []


async def test_of_several_with_one_key_the_first_to_have_ended_gets_it(database: Database, ours: Tenant) -> None:
    """A batch with two items of one key retries one of them, not none."""
    ids = []
    for _ in range(3):
        ids.append(await _enqueue_unique(database, ours, "k", "active"))
        await _failed(database, (await claim_one(database, ours)).lease)
    assert [item.id for item in await _retry(database, ours, *ids[1:], ids[0])] == [ids[0]]
    assert [row["leaf"] for row in await rows_of(database, ours, ids)] == [LIVE, FINISHED, FINISHED]


async def test_a_key_held_until_the_first_claim_is_not_needed_again(database: Database, ours: Tenant) -> None:
    """An item that gave its key up by being claimed is retried beside the key's new holder."""
    old = await _enqueue_unique(database, ours, "k", "waiting")
    await _failed(database, (await claim_one(database, ours)).lease)
    await _enqueue_unique(database, ours, "k", "waiting")
    assert [item.id for item in await _retry(database, ours, old)] == [old]


async def test_a_retried_item_is_the_last_of_its_ordering_key(database: Database, ours: Tenant) -> None:
    """It waits for its turn behind those of its key that are there already."""
    first, second = await enqueue_some(database, ours, 2, ordering_key="k")
    order = []
    for _ in range(3):
        async with database.unit_of_work(FLEET) as session:
            await advance(session, FLEET, most=100)
        item = await claim_one(database, ours)
        order.append(item.id)
        await _failed(database, item.lease)
        if len(order) == 1:
            await _retry(database, ours, first)
    assert order == [first, second, first]


async def test_an_item_of_a_deleted_queue_is_not_retried(database: Database, ours: Tenant) -> None:
    """Items of a soft-deleted queue are as good as gone: nothing is changed and nothing comes back."""
    (lease,) = await claimed(database, ours)
    await _failed(database, lease)
    await tell(database, "update queues set deleted_at = now()")
    assert await _retry(database, ours, lease.id) == []
    assert (await row_of(database, ours, lease.id))["status"] == "failed"


async def test_equal_ids_of_two_organizations_do_not_mix(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A retry reaches the finished item of its own organization only."""
    lease = await item_in(database, ours, ItemStatus.FAILED)
    copy = (
        "insert into queue_items (id, organization_id, queue_id, payload, status, finished_at) "
        "values (:id, :organization, :queue, '{}', 'failed', now())"
    )
    await tell(database, copy, id=lease.id, organization=theirs.organization_id, queue=theirs.queue_id)
    await _retry(database, ours, lease.id)
    assert (await row_of(database, theirs, lease.id))["status"] == "failed"
    assert (await row_of(database, ours, lease.id))["status"] == "waiting"


async def test_nothing_to_retry_is_no_error(database: Database, ours: Tenant) -> None:
    """An empty batch, and one of unknown items, retries nothing."""
    assert await _retry(database, ours) == []
    assert await _retry(database, ours, *new_ids(3)) == []
