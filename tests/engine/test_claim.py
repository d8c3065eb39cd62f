from __future__ import annotations

import pytest
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.db.tenancy import system
from fairlead.domain.ids import new_ids
from fairlead.engine.claim import Source, claim
from fairlead.engine.enqueue import NewItem, enqueue

pytestmark = pytest.mark.anyio
FLEET = system("tests")


async def test_higher_priority_first_then_arrival(database: Database, ours: Tenant) -> None:
    """Inside a queue a claim takes higher priorities first, and equal ones in the order they came."""
    ids = new_ids(4)
    priorities = (0, 5, 0, 5)
    items = [NewItem(id=i, payload={}, priority=p) for i, p in zip(ids, priorities, strict=True)]
    async with database.unit_of_work(ours.scope) as session:
        await enqueue(session, ours.scope, queue_id=ours.queue_id, items=items)

    async with database.unit_of_work(FLEET) as session:
        sources = [Source(ours.organization_id, ours.queue_id, 10)]
        claimed = await claim(session, FLEET, sources=sources, worker_id="w", lease_seconds=30)

    assert [ids[1], ids[3], ids[0], ids[2]] == [item.id for item in claimed]
