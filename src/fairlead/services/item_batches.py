"""Many items of one caller, as a transaction of their own: for whoever changes nothing else with them."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.db.session import Database
from fairlead.db.tenancy import TenantScope
from fairlead.domain.ids import is_id, new_ids
from fairlead.errors import NotFound
from fairlead.services.item_rules import ItemInput, check_items
from fairlead.services.items import enqueue_items, enqueue_plainly


async def enqueue_batch(
    database: Database, scope: TenantScope, *, queue_id: str, items: Sequence[ItemInput]
) -> list[str]:
    """Enqueue as `enqueue_items` does and commit, in one message where nothing is limited or to be unique.

    Raises as `enqueue_items`, and as `Database.alone`.
    """
    check_items(items)
    if not is_id(queue_id):
        raise NotFound
    ids = new_ids(len(items))
    if await enqueue_plainly(database.alone(scope), scope, queue_id=queue_id, ids=ids, items=items):
        return ids
    async with database.unit_of_work(scope) as session:
        return await enqueue_items(session, scope, queue_id=queue_id, items=items)
