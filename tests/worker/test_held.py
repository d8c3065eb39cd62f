from __future__ import annotations

import asyncio
import threading

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs
from tests.fixtures.items import row_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.workers import put, until_counted, working

from fairlead import App, Item
from fairlead.db.session import Database
from fairlead.services.items import cancel_items
from fairlead.worker.main import Worker

pytestmark = pytest.mark.anyio


async def _cancel(database: Database, owner: Tenant, item_id: str, *, told: Worker | None = None) -> None:
    """Cancel an item; when `told`, let that worker's notifier tell of it, as a door does after its commit."""
    async with database.unit_of_work(owner.scope) as session:
        await cancel_items(session, owner.scope, item_ids=[item_id])
    if told is not None:
        told._resources.notifier.announce_cancelled(item_id)


async def test_a_cancelled_item_stops_its_handler(database: Database, ours: Tenant) -> None:
    """A handler whose item is cancelled is stopped long before its lease is renewed, and can see why."""
    app, begun = App(), asyncio.Event()
    seen: list[tuple[bool, bool]] = []
    ended = asyncio.Event()

    @app.handler("work")
    async def work(item: Item) -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            seen.append((item.cancelled, item.lease_lost))
            ended.set()

    with capture_logs() as logs:
        async with working(database, app) as worker:
            (item_id,) = await put(database, ours, {})
            await asyncio.wait_for(begun.wait(), 10)
            await _cancel(database, ours, item_id, told=worker)
            await asyncio.wait_for(ended.wait(), 5)  # a third of the lease is ten seconds
    row = await row_of(database, ours, item_id)

    assert seen == [(True, True)]
    assert (row["status"], row["error_message"]) == ("cancelled", None)
    events = [line["event"] for line in logs]
    assert "cancelled_while_running" in events
    assert "outcome_refused" not in events


async def test_nobody_has_to_tell_of_a_cancellation(database: Database, ours: Tenant) -> None:
    """A handler whose item is cancelled without a word is stopped soon, not at the renewal of its lease."""
    app, begun, ended = App(), asyncio.Event(), asyncio.Event()

    @app.handler("work")
    async def work(_item: Item) -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with working(database, app):
        (item_id,) = await put(database, ours, {})
        await asyncio.wait_for(begun.wait(), 10)
        await _cancel(database, ours, item_id)
        await asyncio.wait_for(ended.wait(), 8)  # a third of the lease is ten seconds


async def test_a_thread_can_see_that_its_item_is_cancelled(database: Database, ours: Tenant) -> None:
    """A handler on a thread cannot be stopped, but it can look; what it returns is not accepted."""
    app, begun, saw = App(), threading.Event(), threading.Event()

    @app.handler("work")
    def work(item: Item) -> str:
        begun.set()
        for _ in range(1000):
            if item.cancelled:
                saw.set()
                break
            threading.Event().wait(0.01)
        return "too late"

    async with working(database, app) as worker:
        (item_id,) = await put(database, ours, {})
        assert await asyncio.to_thread(begun.wait, 10)
        await _cancel(database, ours, item_id, told=worker)
        assert await asyncio.to_thread(saw.wait, 5)
    row = await row_of(database, ours, item_id)

    assert (row["status"], row["result"]) == ("cancelled", None)


async def test_an_unheard_cancellation_is_learnt_by_renewing(database: Database) -> None:
    """Without a word from anybody the next renewal tells, and tells that it was a cancellation."""
    owner = await make_tenant(database, lease_seconds=1)
    app, begun, ended = App(), asyncio.Event(), asyncio.Event()
    seen: list[bool] = []

    @app.handler("work")
    async def work(item: Item) -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            seen.append(item.cancelled)
            ended.set()

    async with working(database, app):
        (item_id,) = await put(database, owner, {})
        await asyncio.wait_for(begun.wait(), 10)
        await _cancel(database, owner, item_id)
        await asyncio.wait_for(ended.wait(), 5)

    assert seen == [True]


async def test_a_false_alarm_stops_nobody(database: Database, ours: Tenant) -> None:
    """Word of a cancellation that is not so only leads to a renewal; the handler goes on and completes."""
    app, begun, go_on = App(), asyncio.Event(), asyncio.Event()

    @app.handler("work")
    async def work(_item: Item) -> str:
        begun.set()
        await go_on.wait()
        return "done"

    async with working(database, app) as worker:
        (item_id,) = await put(database, ours, {})
        await asyncio.wait_for(begun.wait(), 10)
        held = worker._held.get(item_id)
        assert held is not None
        before = held.expires
        worker._doubt(item_id)
        worker._doubt("nobody")
        while held.expires == before:
            await anyio.lowlevel.checkpoint()
        go_on.set()
        await until_counted(database, {"completed": 1})

    assert not held.doubted
