from __future__ import annotations

from collections import Counter

import anyio
import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, claim_some, enqueue_some
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio

CLAIMERS, ITEMS, TAKE = 8, 500, 7


async def test_concurrent_claimers_get_each_item_exactly_once(database: Database, ours: Tenant) -> None:
    """Eight claimers on one queue hand out every item, and none of them twice."""
    ids = await enqueue_some(database, ours, ITEMS)
    handed_out: list[str] = []
    started = anyio.Event()

    async def claims_until_none_is_left(worker_id: str) -> None:
        await started.wait()
        while items := await claim_some(database, ours, TAKE, worker_id=worker_id):
            handed_out.extend(item.id for item in items)

    async with anyio.create_task_group() as tasks:
        for number in range(CLAIMERS):
            tasks.start_soon(claims_until_none_is_left, f"worker-{number}")
        started.set()

    assert [item_id for item_id, times in Counter(handed_out).items() if times > 1] == []
    assert set(handed_out) == set(ids)
    async with database.unit_of_work(FLEET) as session:
        counted = await session.execute(
            text("select status, claims, attempts, count(*) from queue_items group by 1, 2, 3")
        )
        assert [tuple(row) for row in counted] == [("processing", 1, 1, ITEMS)]


async def test_a_claimer_does_not_get_what_another_is_about_to_have(database: Database, ours: Tenant) -> None:
    """Items claimed in a transaction that is still open are not handed out a second time, and nobody waits for them."""
    ids = await enqueue_some(database, ours, 4)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("select id from queue_items_live order by seq limit 2 for update"))
        assert [item.id for item in await claim_some(database, ours)] == ids[2:]
    assert [item.id for item in await claim_some(database, ours)] == ids[:2]
