from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, claim_some, enqueue_some
from tests.fixtures.organizations import Tenant
from tests.maintenance.conftest import Announced

from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.maintenance import promoter as module
from fairlead.maintenance.lookout import Lookout
from fairlead.maintenance.promoter import promoter
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop

pytestmark = pytest.mark.anyio


@pytest.fixture
def loop(resources: Resources, lookout: Lookout) -> Loop:
    """The loop, not started."""
    return promoter(resources, lookout)


_DUE = text("update queue_items_live set scheduled_for = now() - interval '1 second' where not ready")


async def _fall_due(database: Database) -> None:
    """Let everything that is for later be due."""
    async with database.unit_of_work(FLEET) as session:
        await session.execute(_DUE)


async def test_due_items_become_ready(
    loop: Loop, database: Database, announced: Announced, ours: Tenant, theirs: Tenant
) -> None:
    """A turn makes what is due ready to be claimed, leaves what is not, and wakes each queue once."""
    due = await enqueue_some(database, ours, 2, delay_seconds=60)
    await _fall_due(database)
    await enqueue_some(database, ours, 1, delay_seconds=60)
    await enqueue_some(database, theirs, 1, delay_seconds=60)
    assert await claim_some(database, ours) == []

    assert await loop._turn() == ASLEEP_SECONDS
    assert sorted(item.id for item in await claim_some(database, ours)) == sorted(due)
    assert await claim_some(database, theirs) == []
    assert announced.queues == [ours.queue_id]


async def test_a_full_batch_is_followed_at_once(
    loop: Loop, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that found as much as it takes is followed by another at once."""
    monkeypatch.setattr(module, "BATCH", 2)
    await enqueue_some(database, ours, 3, delay_seconds=60)
    await _fall_due(database)

    assert [await loop._turn() for _ in range(2)] == [0, ASLEEP_SECONDS]
    assert len(await claim_some(database, ours)) == 3


async def test_nothing_to_do(loop: Loop, announced: Announced) -> None:
    """A turn with nothing to do wakes nobody."""
    assert await loop._turn() == ASLEEP_SECONDS
    assert announced.queues == []
