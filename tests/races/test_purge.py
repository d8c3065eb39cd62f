from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import pytest
from tests.fixtures.accounts import differences
from tests.fixtures.items import FLEET, claim_some, enqueue_some
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database
from fairlead.engine.claim import Source, claim
from fairlead.engine.complete import Completion, complete
from fairlead.engine.release import release
from fairlead.services.queues import delete_queue, purge_queue

pytestmark = pytest.mark.anyio
ROUNDS = 15

Removal: TypeAlias = Callable[..., Awaitable[object]]


@pytest.mark.parametrize("remove", [purge_queue, delete_queue])
async def test_the_slots_of_a_first_claim_under_way_are_given_back(
    database: Database, ours: Tenant, remove: Removal
) -> None:
    """A removal that waits for the claim that opens the queue's slots gives back what the claim took."""
    await tell(database, "update organizations set max_concurrency = 9")
    await enqueue_some(database, ours, 3)

    async def removed() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await remove(session, ours.scope, queue_id=ours.queue_id)

    async with anyio.create_task_group() as tasks:  # noqa: SIM117 - the unit of work has to end before the group
        async with database.unit_of_work(FLEET) as session:
            source = Source(ours.organization_id, ours.queue_id, 3)
            assert len(await claim(session, FLEET, sources=[source], worker_id="worker")) == 3
            tasks.start_soon(removed)
            await until_blocked(database)
    assert await tell(database, "select count(*) from queue_items") == [(0,)]
    assert await differences(database) == []


async def test_a_purge_among_the_traffic_leaves_the_accounts_right(database: Database, ours: Tenant) -> None:
    """Whatever is enqueued, claimed, completed and given back meanwhile, counters and slots are what the items say."""
    await tell(database, "update queues set max_concurrency = 50 where id = :id", id=ours.queue_id)

    async def produce() -> None:
        for _ in range(ROUNDS):
            await enqueue_some(database, ours, 5, ordering_key="k")
            await enqueue_some(database, ours, 5)

    async def work(worker_id: str) -> None:
        for _ in range(ROUNDS):
            held = [item.lease for item in await claim_some(database, ours, 3, worker_id=worker_id)]
            async with database.unit_of_work(FLEET) as session:
                await complete(session, FLEET, completions=[Completion(lease) for lease in held[:2]])
                await release(session, FLEET, leases=held[2:])

    async def purge() -> int:
        removed = 0
        for _ in range(ROUNDS):
            async with database.unit_of_work(ours.scope) as session:
                removed += await purge_queue(session, ours.scope, queue_id=ours.queue_id)
        return removed

    _, _, _, removed = await asyncio.gather(produce(), work("a"), work("b"), purge())

    [(left,)] = await tell(database, "select count(*) from queue_items")
    assert removed + left == ROUNDS * 10
    assert await differences(database) == []
