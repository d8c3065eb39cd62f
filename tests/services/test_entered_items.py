from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.queries.items import get_item
from fairlead.services.enqueuer import Enqueuer
from fairlead.services.entered_items import as_entered
from fairlead.services.item_rules import ItemInput

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"priority": 7, "task": "mail", "tags": ["b", "a"]},
        {"max_attempts": 9, "ordering_key": "k"},
    ],
)
async def test_it_is_as_a_read_finds_it(database: Database, ours: Tenant, more: dict[str, Any]) -> None:
    """What is told of an item without reading it is what a read finds, in every field."""
    given = ItemInput({"ä": [1, 2.5, None, {"deep": True}]}, **more)
    async with Enqueuer(database) as enqueuer:
        put = await enqueuer.put(ours.scope, queue_id=ours.queue_id, item=given)
    assert put.entered is not None
    async with database.unit_of_work(ours.scope) as session:
        assert as_entered(put.id, given, queue_id=ours.queue_id, entered=put.entered) == await get_item(
            session, ours.scope, item_id=put.id
        )


@pytest.mark.parametrize("later", [{"delay_seconds": 60}, {"scheduled_for": datetime(2100, 1, 1, tzinfo=UTC)}])
async def test_when_it_is_due_only_a_read_tells(database: Database, ours: Tenant, later: dict[str, Any]) -> None:
    """The database's clock says when an item for later is due, so nothing is made up."""
    given = ItemInput({}, **later)
    async with Enqueuer(database) as enqueuer:
        put = await enqueuer.put(ours.scope, queue_id=ours.queue_id, item=given)
    assert put.entered is not None
    assert as_entered(put.id, given, queue_id=ours.queue_id, entered=put.entered) is None


async def test_of_what_is_limited_nothing_is_told(database: Database, ours: Tenant) -> None:
    """An item that is to be unique may be another's, so that it has to be read."""
    given = ItemInput({}, unique_key="u", on_conflict="return")
    async with Enqueuer(database) as enqueuer:
        puts = [await enqueuer.put(ours.scope, queue_id=ours.queue_id, item=given) for _ in range(2)]
    assert puts[0] == puts[1]
    assert puts[0].entered is None
