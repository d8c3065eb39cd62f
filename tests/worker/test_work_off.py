from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest
from anyio.lowlevel import checkpoint
from sqlalchemy import text
from tests.fixtures.items import FLEET, enqueue_some, expire, row_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell
from tests.fixtures.workers import count_by_status, put

from fairlead import App, GiveUp, Item
from fairlead.db.session import Database
from fairlead.engine.reports import Lease
from fairlead.errors import LeaseLost
from fairlead.services.queues import soft_delete_queue
from fairlead.worker import held
from fairlead.worker.scout import ORGANIZATIONS_A_TURN
from fairlead.worker.work_off import work_off

pytestmark = pytest.mark.anyio


@pytest.fixture
def app() -> App:
    """An application that doubles numbers, and raises what it is told to."""
    made = App()

    @made.handler("work")
    async def double(item: Item) -> int:
        match item.payload:
            case {"raise": "give up"}:
                raise GiveUp("never")
            case {"raise": str(what)}:
                raise ValueError(what)
        return 2 * int(item.payload["number"])

    return made


async def test_what_is_ready_is_worked_in_order(database: Database, ours: Tenant, app: App) -> None:
    """Every ready item is worked, the highest priority first, then the oldest, and comes back as it is then."""
    await enqueue_some(database, ours, 2)
    await enqueue_some(database, ours, 1, priority=5)
    done = await work_off(database, app)
    assert [item.result for item in done] == [0, 0, 2]
    assert [item.priority for item in done] == [5, 0, 0]
    assert {(item.status, item.attempts) for item in done} == {("completed", 1)}
    assert await work_off(database, app) == []


async def test_what_a_handler_raises_is_its_items(database: Database, ours: Tenant, app: App) -> None:
    """A failed attempt waits for the next one, which is not due yet, or has failed for good; nothing is raised."""
    await put(database, ours, {"raise": "boom"}, max_attempts=2)
    await put(database, ours, {"raise": "boom"}, max_attempts=1)
    await put(database, ours, {"raise": "give up"})
    again, spent, given_up = await work_off(database, app)
    assert [again.status, spent.status, given_up.status] == ["waiting", "failed", "failed"]
    assert "ValueError: boom" in str(again.error_message)
    assert given_up.error_message == "never"


async def test_what_is_due_again_is_worked_again(database: Database, app: App) -> None:
    """Without a back-off the next attempts follow at once, until there are none left or it is enough."""
    home = await make_tenant(database, backoff_base_seconds=0)
    await put(database, home, {"raise": "boom"}, max_attempts=4)
    assert [item.attempts for item in await work_off(database, app, most=1)] == [1]
    rest = await work_off(database, app)
    assert [(item.attempts, item.status) for item in rest] == [(2, "waiting"), (3, "waiting"), (4, "failed")]


async def test_what_has_become_due_is_worked(database: Database, ours: Tenant, app: App) -> None:
    """An item for later is left alone until its time has come, and needs nobody else then."""
    [item_id] = await enqueue_some(database, ours, delay_seconds=3600)
    assert await work_off(database, app) == []
    await tell(database, "update queue_items_live set scheduled_for = statement_timestamp()")
    assert [item.id for item in await work_off(database, app)] == [item_id]


async def test_only_what_the_application_handles_is_touched(database: Database, app: App) -> None:
    """Items without a handler, of a paused or a deleted queue stay as they are, however many stand before the rest."""
    others = [await make_tenant(database, name="other") for _ in range(ORGANIZATIONS_A_TURN)]
    paused, deleted = await make_tenant(database), await make_tenant(database)
    for home in (*others, paused, deleted):
        await enqueue_some(database, home)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queues set paused_at = now() where id = :id").bindparams(id=paused.queue_id))
    async with database.unit_of_work(deleted.scope) as session:
        await soft_delete_queue(session, deleted.scope, queue_id=deleted.queue_id)
    homes = {home.queue_id for home in [await make_tenant(database), await make_tenant(database)]}
    for [queue_id, organization_id] in await tell(
        database, "select id, organization_id from queues where id = any (:ids)", ids=list(homes)
    ):
        await enqueue_some(database, Tenant(organization_id, queue_id))
    assert {item.queue_id for item in await work_off(database, app)} == homes
    assert await count_by_status(database) == {"waiting": len(others) + 2, "completed": 2}


async def test_handlers_on_threads_work_too(database: Database, ours: Tenant) -> None:
    """A function that is not async is run as a worker runs it, off the event loop."""
    app = App()
    app.handler("work")(lambda _item: threading.current_thread() is threading.main_thread())
    await enqueue_some(database, ours)
    [item] = await work_off(database, app)
    assert item.result is False


async def test_a_handler_has_its_time_and_no_more(database: Database, ours: Tenant) -> None:
    """A handler that waits for ever is stopped when its time is over, and its attempt has failed."""
    app, stopped = App(), asyncio.Event()

    @app.handler("work", timeout_seconds=0.05)
    async def endless(_item: Item) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    await enqueue_some(database, ours)
    [item] = await asyncio.wait_for(work_off(database, app), 10)
    assert item.error_message == "The handler did not finish within 0.05 seconds."
    assert stopped.is_set()


async def test_a_handler_that_cannot_be_stopped_is_abandoned(
    database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that swallows every cancellation has failed, and does not keep the test from going on."""
    monkeypatch.setattr(held, "STOP_AGAIN_SECONDS", 0.05)
    app, released = App(), asyncio.Event()

    @app.handler("work", timeout_seconds=0.05)
    async def unstoppable(_item: Item) -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    await enqueue_some(database, ours)
    [item] = await asyncio.wait_for(work_off(database, app), 10)
    released.set()
    assert item.error_message == "The handler did not finish within 0.05 seconds."


async def test_a_handler_that_cancels_its_own_task_has_failed(database: Database, ours: Tenant) -> None:
    """That is the item's error, and nobody else is cancelled by it."""
    app = App()

    @app.handler("work")
    async def leave(_item: Item) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await checkpoint()

    await enqueue_some(database, ours)
    [item] = await asyncio.wait_for(work_off(database, app, most=1), 10)
    assert item.error_message == "The handler cancelled the task that it runs in."


async def test_an_attempt_that_outlived_its_lease_is_an_error(database: Database, ours: Tenant) -> None:
    """Nobody renews: an outcome that comes too late is refused, changes nothing, and is said."""
    app = App()

    @app.handler("work")
    async def slow(item: Item) -> None:
        await expire(database, Lease(item.organization_id, item.id, item.lease))

    [item_id] = await enqueue_some(database, ours)
    with pytest.raises(LeaseLost):
        await work_off(database, app)
    assert (await row_of(database, ours, item_id))["status"] == "processing"


async def test_cancelling_stops_the_handler(database: Database, ours: Tenant) -> None:
    """A test that ends, or is ended, does not leave its handler running."""
    app, began, stopped = App(), asyncio.Event(), asyncio.Event()

    @app.handler("work")
    async def endless(_item: Item) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    await enqueue_some(database, ours)
    working = asyncio.create_task(work_off(database, app))
    await asyncio.wait_for(began.wait(), 10)
    working.cancel()
    await asyncio.wait_for(stopped.wait(), 10)
    with pytest.raises(asyncio.CancelledError):
        await working
