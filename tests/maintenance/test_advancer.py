from __future__ import annotations

import pytest
from tests.fixtures.items import claim_some, enqueue_some
from tests.fixtures.organizations import Tenant
from tests.maintenance.conftest import Announced

from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.errors import Conflict
from fairlead.maintenance import advancer as module
from fairlead.maintenance.advancer import advancer
from fairlead.maintenance.lookout import Lookout
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop

pytestmark = pytest.mark.anyio


@pytest.fixture
def loop(resources: Resources, lookout: Lookout) -> Loop:
    """The loop, not started."""
    return advancer(resources, lookout)


async def test_the_next_of_each_key_comes_forward(
    loop: Loop, database: Database, announced: Announced, ours: Tenant
) -> None:
    """A turn lets one item of each ordering key come forward, and wakes their queue once."""
    for key in ("a", "b"):
        await enqueue_some(database, ours, 2, ordering_key=key)
    assert await loop._turn() == ASLEEP_SECONDS
    assert announced.queues == [ours.queue_id]
    assert sorted(item.ordering_key or "" for item in await claim_some(database, ours)) == ["a", "b"]


async def test_a_full_batch_is_followed_at_once(
    loop: Loop, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that read as many notes as it takes is followed by another at once."""
    monkeypatch.setattr(module, "BATCH", 2)
    for key in ("a", "b", "c"):
        await enqueue_some(database, ours, ordering_key=key)
    assert [await loop._turn() for _ in range(2)] == [0, ASLEEP_SECONDS]
    assert len(await claim_some(database, ours)) == 3


async def test_two_at_one_key_leave_it_to_the_next_look(
    loop: Loop, announced: Announced, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody else advances the same key at this moment, the turn ends, wakes nobody and is no failure."""

    async def conflicting(*_: object, **__: object) -> None:
        raise Conflict

    monkeypatch.setattr(module, "advance", conflicting)
    assert await loop._turn() == ASLEEP_SECONDS
    assert announced.queues == []
