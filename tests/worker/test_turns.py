from __future__ import annotations

import pytest
from tests.fixtures.items import FLEET, enqueue_some
from tests.fixtures.organizations import Tenant
from tests.fixtures.workers import until_counted, working

from fairlead import App, Item, Snooze
from fairlead.db.session import Database
from fairlead.engine.advance import advance

pytestmark = pytest.mark.anyio


async def test_keys_are_worked_in_order_without_a_pause(database: Database, ours: Tenant) -> None:
    """Items of a key are worked one by one in the order enqueued, though nobody else looks and polls are rare."""
    app = App()
    done: dict[str, list[int]] = {"a": [], "b": []}
    running: set[str] = set()
    overlapped = False

    @app.handler("work")
    async def work(item: Item) -> None:
        nonlocal overlapped
        key = item.tags[0]
        overlapped = overlapped or key in running
        running.add(key)
        done[key].append(item.payload["number"])
        running.discard(key)

    for key in done:
        await enqueue_some(database, ours, 20, ordering_key=key, tags=[key])
    async with database.unit_of_work(FLEET) as session:
        await advance(session, FLEET, most=1000)
    async with working(database, app, poll_seconds=600):
        await until_counted(database, {"completed": 40}, seconds=20)

    assert done == {"a": list(range(20)), "b": list(range(20))}
    assert not overlapped


async def test_a_snoozed_item_keeps_its_turn(database: Database, ours: Tenant) -> None:
    """A snoozed item is worked again later, before the next of its key, and the attempt does not count."""
    app = App()
    order: list[tuple[int, int]] = []

    @app.handler("work")
    async def work(item: Item) -> None:
        order.append((item.payload["number"], item.attempt))
        if len(order) == 1:
            raise Snooze(0)

    await enqueue_some(database, ours, 2, ordering_key="a", max_attempts=1)
    async with database.unit_of_work(FLEET) as session:
        await advance(session, FLEET, most=1000)
    async with working(database, app, maintained=True):
        await until_counted(database, {"completed": 2}, seconds=20)

    assert order == [(0, 1), (0, 1), (1, 1)]
