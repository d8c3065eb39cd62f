from __future__ import annotations

import random

import pytest
from tests.fixtures.items import FLEET, claim_some, enqueue_some, one_in_each_status
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import call, tell

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.errors import NotFound
from fairlead.queries.depths import Depth, find_queue_keys, get_depth, get_depths

pytestmark = pytest.mark.anyio


async def _depth(database: Database, owner: Tenant) -> Depth:
    return await call(database, owner.scope, get_depth, queue_id=owner.queue_id)


async def test_a_queue_without_items(database: Database, ours: Tenant) -> None:
    """A queue that never had an item has none in any status, and none has waited."""
    depth = await _depth(database, ours)
    assert depth == Depth(ours.queue_id, "work", 0, 0, 0, 0, 0, depth.at, None, None)
    assert depth.oldest_seconds is None


async def test_the_depth_is_by_status(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Each status is counted by itself, and another organization's items are not among them."""
    ids = await one_in_each_status(database, ours)
    await enqueue_some(database, ours, 2, delay_seconds=3600.0)
    await enqueue_some(database, theirs, 5)
    depth = await _depth(database, ours)
    assert (depth.waiting, depth.processing, depth.completed, depth.failed, depth.cancelled) == (3, 1, 1, 1, 1)
    assert depth.oldest_id in ids.values()
    assert depth.oldest_seconds is not None
    assert 0 <= depth.oldest_seconds < 60


async def test_the_oldest_is_found_among_all_priorities(database: Database, ours: Tenant) -> None:
    """Whatever the priorities and however many items were claimed, the ready item of the lowest place is the oldest."""
    chance = random.Random(7)  # noqa: S311 - a repeatable order
    for _ in range(60):
        await enqueue_some(database, ours, chance.randint(1, 3), priority=chance.randint(-3, 3))
    for take in (1, 40, 17, 30):
        await claim_some(database, ours, take)
        query = "select id from queue_items_live where status = 'waiting' order by seq limit 1"
        [first] = [row.id for row in await tell(database, query)] or [None]
        assert (await _depth(database, ours)).oldest_id == first
    await claim_some(database, ours)
    assert (await _depth(database, ours)).oldest_id is None


async def test_the_age_counts_from_when_it_was_due(database: Database, ours: Tenant) -> None:
    """An item that was for later has waited since it was due, any other one since it was enqueued."""
    await enqueue_some(database, ours)
    await tell(database, "update queue_items_live set created_at = statement_timestamp() - interval '1 hour'")
    assert 3590 < ((await _depth(database, ours)).oldest_seconds or 0) < 3700
    await tell(database, "update queue_items_live set scheduled_for = statement_timestamp() - interval '10 minutes'")
    assert 590 < ((await _depth(database, ours)).oldest_seconds or 0) < 700


async def test_what_cannot_be_claimed_is_not_the_oldest(database: Database, ours: Tenant) -> None:
    """Items for later, and those behind another one of their ordering key, do not wait for a worker."""
    await enqueue_some(database, ours, delay_seconds=3600.0)
    await enqueue_some(database, ours, ordering_key="a")
    depth = await _depth(database, ours)
    assert (depth.waiting, depth.oldest_id) == (2, None)


async def test_all_queues_at_once(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """An organization's queues come by name, each as it would by itself; a deleted one is left out."""
    await enqueue_some(database, ours, 2)
    await enqueue_some(database, theirs)
    insert = "insert into queues (id, organization_id, name, deleted_at) values (:id, :organization, :name, {})"
    for name, deleted in (("a", "null"), ("z", "null"), ("gone", "now()")):
        given = {"id": new_id(), "organization": ours.organization_id, "name": name}
        await tell(database, insert.format(deleted), **given)
    depths = await call(database, ours.scope, get_depths)
    assert [(depth.queue_name, depth.waiting) for depth in depths] == [("a", 0), ("work", 2), ("z", 0)]
    (work,) = [depth for depth in depths if depth.queue_id == ours.queue_id]
    assert work.oldest_id == (await _depth(database, ours)).oldest_id


@pytest.mark.parametrize("queue_id", ["", "no id", "x" * 24])
async def test_an_unknown_queue_is_not_found(database: Database, ours: Tenant, queue_id: str) -> None:
    """A queue that is not there raises NotFound, as does a deleted one."""
    with pytest.raises(NotFound):
        await call(database, ours.scope, get_depth, queue_id=queue_id)
    await tell(database, "update queues set deleted_at = now()")
    with pytest.raises(NotFound):
        await _depth(database, ours)


async def test_queues_are_found_by_their_organizations(database: Database, ours: Tenant) -> None:
    """An operator gets the queues of one organization, or of all, soft-deleted ones too."""
    other = await make_tenant(database)
    await tell(database, "update queues set deleted_at = now()")
    both = await call(database, FLEET, find_queue_keys)
    assert {key.queue_id for key in both} == {ours.queue_id, other.queue_id}
    assert both == sorted(both, key=lambda key: key.organization_slug)
    [one] = await call(database, FLEET, find_queue_keys, slugs=[ours.organization_id])
    assert one == (ours.organization_id, ours.queue_id, ours.organization_id, "work")
