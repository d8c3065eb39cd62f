from __future__ import annotations

import pytest
from tests.fixtures.items import item_in
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.item_status import LIVE, ItemStatus
from fairlead.queries.items import find_items, get_item_page
from fairlead.queries.page import Window

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("status", ItemStatus)
async def test_items_are_read_in_every_status(database: Database, ours: Tenant, *, status: ItemStatus) -> None:
    """An item is read and listed wherever it is filed, and has an end only when it is finished."""
    lease = await item_in(database, ours, status)

    async with database.unit_of_work(ours.scope) as session:
        found = await find_items(session, ours.scope, item_ids=[lease.id])
        pages = {
            other: await get_item_page(session, ours.scope, queue_id=ours.queue_id, window=Window(), status=other)
            for other in ItemStatus
        }

    assert found[lease.id].status is status
    assert (found[lease.id].finished_at is None) == (status in LIVE)
    assert {other: page.total for other, page in pages.items()} == {other: other is status for other in ItemStatus}
    assert pages[status].data == (found[lease.id],)


async def test_items_of_others_are_not_found(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Items of another organization are left out of what is found."""
    mine, other = await item_in(database, ours, ItemStatus.WAITING), await item_in(database, theirs, ItemStatus.WAITING)

    async with database.unit_of_work(ours.scope) as session:
        assert (await find_items(session, ours.scope, item_ids=[mine.id, other.id])).keys() == {mine.id}
