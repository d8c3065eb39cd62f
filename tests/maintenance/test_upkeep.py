from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, claim_some, claimed, enqueue_some, expire
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until
from tests.fixtures.workers import count_by_status

from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.maintenance.upkeep import Upkeep

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _kept(resources: Resources, *, processes: int = 1) -> AsyncIterator[None]:
    running = [Upkeep(resources, resources.database) for _ in range(processes)]
    for upkeep in running:
        upkeep.start()
    for upkeep in running:
        await upkeep.ready.wait()
    try:
        yield
    finally:
        for upkeep in running:
            await upkeep.stop()
            await upkeep.stop()


async def _number(database: Database, query: str) -> int:
    async with database.unit_of_work(FLEET) as session:
        return int((await session.execute(text(query))).scalar_one())


async def test_a_delayed_item_becomes_ready(resources: Resources, database: Database, ours: Tenant) -> None:
    """An item for later that nobody announced is ready soon after its time."""
    async with _kept(resources):
        await enqueue_some(database, ours, delay_seconds=0.1)

        async def claimable() -> bool:
            return len(await claim_some(database, ours)) == 1

        await until(claimable, what="the item is ready")


async def test_a_lost_lease_is_taken_back(resources: Resources, database: Database, ours: Tenant) -> None:
    """What a dead worker held waits again soon after its lease is over."""
    async with _kept(resources):
        await expire(database, *await claimed(database, ours))

        async def rescued() -> bool:
            return await count_by_status(database) == {"waiting": 1}

        await until(rescued, what="the item is rescued")


async def test_an_ordered_item_comes_forward(resources: Resources, database: Database, ours: Tenant) -> None:
    """The first item of an ordering key can be claimed soon, whoever enqueued it."""
    async with _kept(resources):
        await enqueue_some(database, ours, 2, ordering_key="a")

        async def claimable() -> bool:
            return len(await claim_some(database, ours)) == 1

        await until(claimable, what="the first item is ready")


async def test_a_herd_of_due_items_is_shared(resources: Resources, database: Database, ours: Tenant) -> None:
    """What falls due at one moment is made ready by all processes together, each item once."""
    await enqueue_some(database, ours, 5000, delay_seconds=3600.0)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queue_items_live set scheduled_for = statement_timestamp()"))

    async def all_ready() -> bool:
        return await _number(database, "select count(*) from queue_items_live where not ready") == 0

    async with _kept(resources, processes=4):
        await until(all_ready, what="all are ready", seconds=20)
    assert await _number(database, "select count(distinct seq) from queue_items_live") == 5000


async def test_counters_are_folded(resources: Resources, database: Database, ours: Tenant) -> None:
    """However many rows the counters have got, they are few again soon, and say the same."""
    for _ in range(5):
        await enqueue_some(database, ours)
    async with _kept(resources, processes=2):

        async def folded() -> bool:
            return await _number(database, "select count(*) from item_counters") == 1

        await until(folded, what="the counters are folded", seconds=8)
    assert await _number(database, "select sum(waiting) from item_counters") == 5
