from __future__ import annotations

import asyncio
import threading
from time import monotonic

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs
from tests.fixtures.accounts import taken
from tests.fixtures.items import claim_one, claim_some, row_of, rows_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.waiting import until
from tests.fixtures.workers import put, reaching, until_counted, working

from fairlead import App, Item
from fairlead.db.session import Database
from fairlead.queries.ready_sources import ReadyQueue
from fairlead.services.items import cancel_items
from fairlead.worker.held import Held
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
            await asyncio.wait_for(begun.wait(), 20)
            await _cancel(database, ours, item_id, told=worker)
            await asyncio.wait_for(ended.wait(), 8)  # a third of the lease is ten seconds
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
        await asyncio.wait_for(begun.wait(), 20)
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
        assert await asyncio.to_thread(begun.wait, 20)
        await _cancel(database, ours, item_id, told=worker)
        assert await asyncio.to_thread(saw.wait, 5)
    row = await row_of(database, ours, item_id)

    assert (row["status"], row["result"]) == ("cancelled", None)


async def test_a_slot_is_kept_until_the_handler_has_stopped(database: Database) -> None:
    """With one slot the next item begins when the handler of the cancelled one is done with cleaning up, not before."""
    owner = await make_tenant(database, max_concurrency=1)
    app, begun, cleaned = App(), asyncio.Queue[int](), asyncio.Event()

    @app.handler("work")
    async def work(item: Item) -> None:
        begun.put_nowait(item.payload["number"])
        if item.payload["number"] == 0:
            try:
                await anyio.sleep_forever()
            finally:
                begun.put_nowait(-1)
                await cleaned.wait()

    async with working(database, app) as worker:
        first, second = await put(database, owner, {"number": 0}, {"number": 1})
        assert await asyncio.wait_for(begun.get(), 20) == 0
        await _cancel(database, owner, first, told=worker)
        assert await asyncio.wait_for(begun.get(), 20) == -1
        await _claimed_nothing(database, owner, worker)
        assert (await row_of(database, owner, first))["status"] == "processing"
        cleaned.set()
        assert await asyncio.wait_for(begun.get(), 20) == 1
        await reaching(database, owner, second, "completed")
        assert (await row_of(database, owner, first))["status"] == "cancelled"


async def test_a_slot_is_kept_while_a_thread_runs_on(database: Database) -> None:
    """A handler on a thread that does not look keeps its slot until it returns, and what it returns is dropped."""
    owner = await make_tenant(database, max_concurrency=1)
    app, begun, go_on = App(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    @app.handler("work")
    def work(item: Item) -> str:
        loop.call_soon_threadsafe(begun.set)
        if item.payload["number"] == 0:
            go_on.wait(20)
        return "mine"

    async with working(database, app) as worker:
        first, second = await put(database, owner, {"number": 0}, {"number": 1})
        await asyncio.wait_for(begun.wait(), 20)
        held = worker._held.get(first)
        await _cancel(database, owner, first, told=worker)
        await until(lambda: _is_stopped(held), what="the worker has heard of it", seconds=8)
        await _claimed_nothing(database, owner, worker)
        go_on.set()
        await reaching(database, owner, second, "completed")
    rows = await rows_of(database, owner, [first, second])
    assert [(row["status"], row["result"]) for row in rows] == [("cancelled", None), ("completed", "mine")]


async def test_what_waits_for_a_runner_is_given_up_at_once(database: Database, ours: Tenant) -> None:
    """An item that is held but not begun ends as soon as its worker hears that it was cancelled."""
    app, begun = App(), asyncio.Event()

    @app.handler("work")
    async def work(_item: Item) -> None:
        begun.set()
        await anyio.sleep_forever()

    async with working(database, app, concurrency=1, drain_seconds=0.1) as worker:
        await put(database, ours, {})
        await asyncio.wait_for(begun.wait(), 20)
        (behind,) = await put(database, ours, {})
        held = Held(
            await claim_one(database, ours), ReadyQueue(ours.organization_id, ours.queue_id, "work"), monotonic()
        )
        worker._held.add(held)
        worker._buffer.put(held)
        await _cancel(database, ours, behind, told=worker)
        await reaching(database, ours, behind, "cancelled", seconds=8)


async def _is_stopped(held: Held | None) -> bool:
    return held is not None and held.is_stopped()


async def _claimed_nothing(database: Database, owner: Tenant, worker: Worker) -> None:
    """Let the worker look for something to claim, and see that the queue's limit leaves nothing."""
    worker._fetcher.scout.announce(owner.queue_id)
    assert await claim_some(database, owner) == []
    assert await taken(database, owner) == (1, 1)


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
        await asyncio.wait_for(begun.wait(), 20)
        await _cancel(database, owner, item_id)
        await asyncio.wait_for(ended.wait(), 10)

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
        await asyncio.wait_for(begun.wait(), 20)
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
