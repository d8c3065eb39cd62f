from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.statements import value_of

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.errors import NotFound, QueueFull, ValidationFailed
from fairlead.services.item_batches import enqueue_batch
from fairlead.services.item_rules import ItemInput
from fairlead.services.queues import update_queue

pytestmark = pytest.mark.anyio

IDS = text("select id from queue_items_live where queue_id = :queue order by seq")


async def _ids(database: Database, owner: Tenant) -> list[str]:
    async with database.unit_of_work(FLEET) as session:
        return list((await session.execute(IDS.bindparams(queue=owner.queue_id))).scalars())


async def test_a_batch_is_kept_in_its_order(database: Database, ours: Tenant) -> None:
    """What is plain goes in by one statement, what is to be unique by more; both are committed, in the order given."""
    plain = [ItemInput({"n": number}) for number in range(3)]
    first = await enqueue_batch(database, ours.scope, queue_id=ours.queue_id, items=plain)
    keyed = [ItemInput({}, unique_key="u"), ItemInput({})]
    second = await enqueue_batch(database, ours.scope, queue_id=ours.queue_id, items=keyed)
    assert await _ids(database, ours) == [*first, *second]


async def test_all_of_a_batch_or_nothing(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A wrong item, a queue that is not there or another's, and one without room for all take none of it."""
    async with database.unit_of_work(ours.scope) as session:
        await update_queue(session, ours.scope, queue_id=ours.queue_id, max_depth=1)
    two = [ItemInput({}), ItemInput({})]
    with pytest.raises(QueueFull):
        await enqueue_batch(database, ours.scope, queue_id=ours.queue_id, items=two)
    with pytest.raises(ValidationFailed):
        await enqueue_batch(database, ours.scope, queue_id=ours.queue_id, items=[*two, ItemInput({}, priority=10**9)])
    for queue_id in (new_id(), theirs.queue_id, "nonsense"):
        with pytest.raises(NotFound):
            await enqueue_batch(database, ours.scope, queue_id=queue_id, items=two)
    async with database.unit_of_work(FLEET) as session:
        assert await value_of(session, "select count(*) from queue_items") == 0
