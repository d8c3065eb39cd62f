from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.queries.page import Window
from fairlead.queries.queues import get_queue_page
from fairlead.services.queues import create_queue

pytestmark = pytest.mark.anyio


async def test_pages_are_stable_among_equals(database: Database, ours: Tenant) -> None:
    """Queues made in the same instant are split over pages without one missing or coming twice."""
    async with database.unit_of_work(ours.scope) as session:
        made = {(await create_queue(session, ours.scope, name=f"q{n}")).id for n in range(7)}

    async with database.unit_of_work(ours.scope) as session:
        pages = [await get_queue_page(session, ours.scope, window=Window(n, 3)) for n in (1, 2, 3, 4)]

    assert [len(page.data) for page in pages] == [3, 3, 2, 0]
    assert {page.total for page in pages} == {8}
    assert {queue.id for page in pages for queue in page.data} == made | {ours.queue_id}


async def test_total_counts_what_is_listed(database: Database, ours: Tenant) -> None:
    """Deleted queues are neither listed nor counted."""
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queues set deleted_at = now()"))

    async with database.unit_of_work(ours.scope) as session:
        page = await get_queue_page(session, ours.scope, window=Window())

    assert (page.data, page.total, page.total_pages) == ((), 0, 0)
