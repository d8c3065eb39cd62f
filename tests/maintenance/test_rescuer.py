from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from tests.fixtures.items import claimed, expire
from tests.fixtures.organizations import Tenant
from tests.fixtures.workers import count_by_status
from tests.maintenance.conftest import Announced

from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.maintenance import rescuer as module
from fairlead.maintenance.lookout import Lookout
from fairlead.maintenance.rescuer import rescuer
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop

pytestmark = pytest.mark.anyio


@pytest.fixture
def loop(resources: Resources, lookout: Lookout) -> Loop:
    """The loop, not started."""
    return rescuer(resources, lookout)


async def test_expired_leases_are_taken_back(
    loop: Loop, database: Database, announced: Announced, ours: Tenant, theirs: Tenant
) -> None:
    """A turn takes back what has lost its lease, leaves the rest, wakes each queue once, and logs each item."""
    lost = [*await claimed(database, ours, 2), *await claimed(database, theirs, 1)]
    await expire(database, *lost)
    await claimed(database, ours, 3)
    with capture_logs() as logs:
        wait = await loop._turn()

    assert wait == ASLEEP_SECONDS
    assert await count_by_status(database) == {"waiting": 3, "processing": 3}
    assert sorted(announced.queues) == sorted([ours.queue_id, theirs.queue_id])
    assert sorted(line["item_id"] for line in logs) == sorted(lease.id for lease in lost)
    assert {(line["event"], line["status"]) for line in logs} == {("item_rescued", "waiting")}


async def test_items_without_attempts_left_fail(loop: Loop, database: Database, ours: Tenant) -> None:
    """An item that lost the lease of its last attempt has failed."""
    await expire(database, *await claimed(database, ours, 1, max_attempts=1))
    with capture_logs() as logs:
        await loop._turn()

    assert await count_by_status(database) == {"failed": 1}
    assert [line["status"] for line in logs] == ["failed"]


async def test_a_full_batch_is_followed_at_once(
    loop: Loop, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that found as much as it takes is followed by another at once, so that many are taken back quickly."""
    monkeypatch.setattr(module, "BATCH", 2)
    await expire(database, *await claimed(database, ours, 3))

    assert [await loop._turn() for _ in range(2)] == [0, ASLEEP_SECONDS]
    assert await count_by_status(database) == {"waiting": 3}


async def test_nothing_to_do(loop: Loop, announced: Announced) -> None:
    """A turn with nothing to do says nothing and wakes nobody."""
    with capture_logs() as logs:
        assert await loop._turn() == ASLEEP_SECONDS

    assert logs == []
    assert announced.queues == []
