"""What is told of items that were just claimed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant, make_tenant

from fairlead.db.session import Database
from fairlead.engine.advance import advance
from fairlead.queries.items import get_item
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.leases import claim_items, fail_item, renew_item

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"priority": 7, "task": "mail", "tags": ["b", "a"], "max_attempts": 9, "ordering_key": "k"},
        {"unique_key": "u", "unique_while": "active", "scheduled_for": datetime(2020, 1, 1, tzinfo=UTC)},
        {"unique_key": "u", "unique_while": "waiting"},
    ],
)
async def test_it_is_as_a_read_finds_it(database: Database, ours: Tenant, more: dict[str, Any]) -> None:
    """What a claim tells of an item is what a read finds, in every field: the first time, and after a failure."""
    given = ItemInput({"ä": [1, 2.5, None, {"deep": True}]}, **more)
    async with database.unit_of_work(ours.scope) as session:
        await enqueue_items(session, ours.scope, queue_id=ours.queue_id, items=[given])
    async with database.unit_of_work(FLEET) as session:
        await advance(session, FLEET, most=9)  # one with an ordering key has its turn
    for attempt in (1, 2):
        async with database.unit_of_work(ours.scope) as session:
            (held,) = await claim_items(session, ours.scope, queue_id=ours.queue_id, limit=9, worker_id="w")
        async with database.unit_of_work(ours.scope) as session:
            assert held.item.attempts == attempt
            assert held.item == await get_item(session, ours.scope, item_id=held.item.id)
            fence: dict[str, Any] = {"item_id": held.item.id, "lease": held.lease}
            await renew_item(session, ours.scope, **fence, progress={"done": 0.5})
            await fail_item(session, ours.scope, **fence, error="no", delay_seconds=0)


@pytest.mark.parametrize("max_concurrency", [None, 3], ids=["unlimited", "limited"])
async def test_its_lease_is_as_long_as_was_asked(database: Database, max_concurrency: int | None) -> None:
    """The lease starts when the attempt does, and lasts what the claim asked for or else what the queue says."""
    owner = await make_tenant(database, max_concurrency=max_concurrency, lease_seconds=45)
    async with database.unit_of_work(owner.scope) as session:
        await enqueue_items(session, owner.scope, queue_id=owner.queue_id, items=[ItemInput({}), ItemInput({})])
    for asked, lasts in ((None, 45), (7, 7)):
        async with database.unit_of_work(owner.scope) as session:
            (held,) = await claim_items(
                session, owner.scope, queue_id=owner.queue_id, limit=1, worker_id="w", lease_seconds=asked
            )
        assert held.item.started_at is not None
        assert (held.lease_expires_at - held.item.started_at).total_seconds() == lasts
