from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from tests.fixtures.items import claimed, expire
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until
from tests.fixtures.workers import count_by_status
from tests.maintenance.conftest import Announced

from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.maintenance import rescuer as module
from fairlead.maintenance.rescuer import INTERVAL_SECONDS, rescuer

pytestmark = pytest.mark.anyio


async def test_expired_leases_are_taken_back(
    resources: Resources, database: Database, announced: Announced, ours: Tenant, theirs: Tenant
) -> None:
    """A turn takes back what has lost its lease, leaves the rest, wakes each queue once, and logs each item."""
    lost = [*await claimed(database, ours, 2), *await claimed(database, theirs, 1)]
    await expire(database, *lost)
    await claimed(database, ours, 3)
    with capture_logs() as logs:
        wait = await rescuer(resources)._turn()

    assert wait == INTERVAL_SECONDS
    assert await count_by_status(database) == {"waiting": 3, "processing": 3}
    assert sorted(announced.queues) == sorted([ours.queue_id, theirs.queue_id])
    assert sorted(line["item_id"] for line in logs) == sorted(lease.id for lease in lost)
    assert {(line["event"], line["status"]) for line in logs} == {("item_rescued", "waiting")}


async def test_items_without_attempts_left_fail(resources: Resources, database: Database, ours: Tenant) -> None:
    """An item that lost the lease of its last attempt has failed."""
    await expire(database, *await claimed(database, ours, 1, max_attempts=1))
    with capture_logs() as logs:
        await rescuer(resources)._turn()

    assert await count_by_status(database) == {"failed": 1}
    assert [line["status"] for line in logs] == ["failed"]


async def test_a_full_batch_is_followed_at_once(
    resources: Resources, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that found as much as it takes is followed by another at once, so that many are taken back quickly."""
    monkeypatch.setattr(module, "BATCH", 2)
    await expire(database, *await claimed(database, ours, 3))
    loop = rescuer(resources)

    assert [await loop._turn() for _ in range(2)] == [0, INTERVAL_SECONDS]
    assert await count_by_status(database) == {"waiting": 3}


async def test_nothing_to_do(resources: Resources, announced: Announced) -> None:
    """A turn with nothing to do says nothing and wakes nobody."""
    with capture_logs() as logs:
        assert await rescuer(resources)._turn() == INTERVAL_SECONDS

    assert logs == []
    assert announced.queues == []


async def test_it_runs_by_itself(resources: Resources, database: Database, ours: Tenant) -> None:
    """Started, it takes back a lease that runs out later."""
    loop = rescuer(resources)
    loop.start()
    await loop.ready.wait()
    await expire(database, *await claimed(database, ours, 1))

    async def rescued() -> bool:
        return await count_by_status(database) == {"waiting": 1}

    await until(rescued, what="the item is rescued", seconds=3)
    await loop.stop()
