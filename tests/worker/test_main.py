from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import psycopg
import pytest
from structlog.testing import capture_logs
from tests.fixtures.faults import end_connections, refuse_connections
from tests.fixtures.items import rows_of
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until
from tests.fixtures.workers import POLL_SECONDS, count_by_status, finished, put, resources_on, until_counted, working

from fairlead import App, Item
from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.errors import HandlerInvalid
from fairlead.worker.main import Worker, WorkerOptions

pytestmark = pytest.mark.anyio
Start: TypeAlias = Callable[..., Awaitable[Worker]]
_LAST_WERE_LOOKS = """
select coalesce(bool_or(query like 'with recursive organization%'), false),
    coalesce(bool_or(query like 'select statement_timestamp()%'), false)
from pg_stat_activity where datname = current_database() and state = 'idle'
"""


@pytest.fixture
async def resources(database: Database) -> AsyncIterator[Resources]:
    """What a worker works with."""
    async with resources_on(database) as opened:
        yield opened


class Gate:
    """Handlers that wait until they are let through, and which items they have begun and ended."""

    def __init__(self) -> None:
        self.app = App()
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.open = asyncio.Event()
        self.app.handler("work")(self._work)

    async def _work(self, item: Item) -> str:
        self.begun.append(item.id)
        try:
            await self.open.wait()
        finally:
            self.ended.append(item.id)
        return "done"

    async def until_begun(self, count: int) -> None:
        """Return when so many handlers run."""

        async def begun() -> bool:
            return len(self.begun) == count

        await until(begun, what=f"{count} handlers run")


@pytest.fixture
async def start(resources: Resources) -> AsyncIterator[Start]:
    """Starts a worker, which lets go of everything at the end, so that a test that fails leaves no handler behind."""
    workers: list[Worker] = []

    async def started(app: App, **options: Any) -> Worker:
        worker = Worker(resources, app, options=WorkerOptions(poll_seconds=POLL_SECONDS, **options))
        workers.append(worker)
        await worker.start()
        return worker

    yield started
    let_go = asyncio.Event()
    let_go.set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fairlead.worker.main._LAST_REPORT_SECONDS", 0.1)
        for worker in workers:
            await worker.drain(let_go)


async def test_every_item_is_handled_once(database: Database, ours: Tenant) -> None:
    """A worker handles every item that was there before it started and every one that comes while it runs, once."""
    app = App()
    handled: list[str] = []

    @app.handler("work")
    async def work(item: Item) -> None:
        handled.append(item.id)

    ids = await put(database, ours, *[{} for _ in range(100)])
    async with working(database, app) as worker:
        ids += await put(database, ours, *[{} for _ in range(100)])
        await until_counted(database, {"completed": 200})

        async def idle() -> bool:
            return worker.is_idle

        await until(idle, what="the worker holds nothing")

    assert sorted(handled) == sorted(ids)


async def test_no_more_handlers_than_asked_for(database: Database, ours: Tenant) -> None:
    """Never more handlers run at once than the worker's concurrency, and with enough to do never fewer for long."""
    app = App()
    running: list[int] = []
    now = 0

    @app.handler("work")
    async def work(_item: Item) -> None:
        nonlocal now
        now += 1
        running.append(now)
        await anyio.lowlevel.checkpoint()
        now -= 1

    await put(database, ours, *[{} for _ in range(100)])
    async with working(database, app, concurrency=3):
        await until_counted(database, {"completed": 100})

    assert max(running) == 3


async def test_wake_ups_beat_the_poll(database: Database, resources: Resources, ours: Tenant) -> None:
    """A worker that would look again only in a minute takes an announced item at once."""
    gate = Gate()
    gate.open.set()
    async with working(database, gate.app, poll_seconds=60) as worker:
        await worker._fetcher.loop.ready.wait()
        began = time.monotonic()
        (item_id,) = await put(database, ours, {})

        async def announced() -> bool:
            resources.notifier.announce(ours.queue_id)
            return bool(gate.ended)

        await until(announced, what="the item is handled")
        await finished(database, ours, item_id)

    assert time.monotonic() - began < 10


async def test_draining(database: Database, start: Start, ours: Tenant) -> None:
    """Draining finishes what runs, gives back what has not begun with its attempt, and claims nothing any more."""
    gate = Gate()
    worker = await start(gate.app, concurrency=2)
    ids = await put(database, ours, *[{} for _ in range(10)])
    await gate.until_begun(2)
    draining = asyncio.ensure_future(worker.drain(asyncio.Event()))
    await until_counted(database, {"processing": 2, "waiting": 8})
    late = await put(database, ours, {})
    gate.open.set()
    await asyncio.wait_for(draining, 10)
    rows = {row["id"]: row for row in await rows_of(database, ours, ids + late)}

    assert len(gate.begun) == 2
    assert {row["status"] for row in rows.values() if row["id"] in gate.begun} == {"completed"}
    for item_id in set(rows) - set(gate.begun):
        assert (rows[item_id]["status"], rows[item_id]["attempts"]) == ("waiting", 0)
    assert worker.is_idle


async def test_letting_go(database: Database, start: Start, ours: Tenant) -> None:
    """Told to let go while draining, a worker cancels what runs and gives it back at once with its attempt."""
    gate = Gate()
    worker = await start(gate.app, concurrency=2)
    await put(database, ours, {}, {})
    await gate.until_begun(2)
    let_go = asyncio.Event()
    draining = asyncio.ensure_future(worker.drain(let_go))
    await anyio.lowlevel.checkpoint()
    let_go.set()
    await asyncio.wait_for(draining, 10)
    rows = await rows_of(database, ours, gate.begun)

    assert sorted(gate.ended) == sorted(gate.begun)
    assert [(row["status"], row["attempts"], row["claims"]) for row in rows] == [("waiting", 0, 1)] * 2


async def test_the_drain_has_a_limit(database: Database, start: Start, ours: Tenant) -> None:
    """A handler that does not end within the drain limit is cancelled and its item given back."""
    gate = Gate()
    worker = await start(gate.app, drain_seconds=0.1)
    await put(database, ours, {})
    await gate.until_begun(1)
    await asyncio.wait_for(worker.drain(asyncio.Event()), 10)

    assert await count_by_status(database) == {"waiting": 1}


@pytest.mark.parametrize("afterwards", ["returns", "hangs"])
async def test_letting_go_of_the_stubborn(
    database: Database, start: Start, ours: Tenant, monkeypatch: pytest.MonkeyPatch, afterwards: str
) -> None:
    """A handler that swallows its cancellation does not keep the worker from ending."""
    monkeypatch.setattr("fairlead.worker.runners.LET_GO_SECONDS", 0.2)
    app, begun = App(), asyncio.Event()

    @app.handler("work")
    async def stubborn(_item: Item) -> str:
        begun.set()
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            if afterwards == "hangs":
                await anyio.sleep_forever()
        return "done after all"

    worker = await start(app, drain_seconds=0)
    await put(database, ours, {})
    await begun.wait()
    await asyncio.wait_for(worker.drain(asyncio.Event()), 5)

    assert await count_by_status(database) == {"completed" if afterwards == "returns" else "waiting": 1}


async def test_letting_go_of_threads(database: Database, start: Start, ours: Tenant) -> None:
    """A handler on a thread cannot be stopped: its item is given back and what it returns later is dropped."""
    app, begun, go_on = App(), threading.Event(), threading.Event()

    @app.handler("work")
    def work(_item: Item) -> str:
        begun.set()
        go_on.wait(10)
        return "too late"

    worker = await start(app, drain_seconds=0)
    (item_id,) = await put(database, ours, {})
    await asyncio.to_thread(begun.wait, 20)
    await asyncio.wait_for(worker.drain(asyncio.Event()), 5)
    go_on.set()
    (row,) = await rows_of(database, ours, [item_id])

    assert (row["status"], row["attempts"], row["result"]) == ("waiting", 0, None)


async def test_letting_go_without_a_database(
    database: Database, start: Start, ours: Tenant, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When outcomes cannot be reported because the database is away, letting go ends the worker all the same."""
    monkeypatch.setattr("fairlead.worker.main._LAST_REPORT_SECONDS", 0.5)
    gate = Gate()
    worker = await start(gate.app)
    await put(database, ours, {})
    await gate.until_begun(1)
    let_go = asyncio.Event()
    refuse_connections(server_url, database.options.url, refuse=True)
    try:
        end_connections(server_url, database.options.url)
        draining = asyncio.ensure_future(worker.drain(let_go))
        let_go.set()
        await asyncio.wait_for(draining, 10)
    finally:
        refuse_connections(server_url, database.options.url, refuse=False)

    assert not worker.is_idle
    assert await count_by_status(database) == {"processing": 1}


async def test_draining_without_a_database(database: Database, start: Start, ours: Tenant, server_url: str) -> None:
    """The drain limit is the whole patience: the handlers' time and that of outcomes nobody can take are not added."""
    gate = Gate()
    worker = await start(gate.app, drain_seconds=6)
    await put(database, ours, {})
    await gate.until_begun(1)
    refuse_connections(server_url, database.options.url, refuse=True)
    try:
        end_connections(server_url, database.options.url)
        draining = asyncio.ensure_future(worker.drain(asyncio.Event()))
        await anyio.lowlevel.checkpoint()
        gate.open.set()
        await asyncio.wait_for(draining, 10)
    finally:
        refuse_connections(server_url, database.options.url, refuse=False)

    assert not worker.is_idle
    assert await count_by_status(database) == {"processing": 1}


async def test_draining_twice(database: Database, start: Start) -> None:
    """A worker may be drained twice, and one that never worked too."""
    worker = await start(Gate().app)
    await worker.drain(asyncio.Event())
    await worker.drain(asyncio.Event())

    assert await count_by_status(database) == {}


async def test_what_is_logged(database: Database, ours: Tenant) -> None:
    """A worker says when it starts, with what, and when it stops; items that go well are not logged."""
    gate = Gate()
    gate.open.set()
    with capture_logs() as logs:
        async with working(database, gate.app, worker_id="w"):
            (item_id,) = await put(database, ours, {})
            row = await finished(database, ours, item_id)

    assert [(line["event"], line["worker_id"]) for line in logs] == [("worker_started", "w"), ("worker_stopped", "w")]
    assert logs[0]["queues"] == ["work"]
    assert row["worker_id"] == "w"


@pytest.mark.parametrize(
    ("declare", "queues", "sentence"),
    [
        (lambda app: app, (), "no handlers; declare one with @app.handler('queue')"),
        (lambda app: app.handler("a")(print), ("b",), "no handler for 'b'; the application handles 'a'"),
        (lambda app: app.handler("a")(print), ("c", "a", "b"), "no handler for 'b', 'c'"),
        (lambda app: app, ("b",), "no handler for 'b'; the application handles nothing"),
    ],
)
async def test_a_worker_without_work_is_refused(
    resources: Resources, declare: Callable[[App], object], queues: tuple[str, ...], sentence: str
) -> None:
    """An application without handlers, or without one for a queue asked for, is refused in one sentence."""
    app = App()
    declare(app)
    with pytest.raises(HandlerInvalid, match=re.escape(sentence)):
        Worker(resources, app, options=WorkerOptions(queues=queues))


async def test_only_the_queues_asked_for(database: Database, ours: Tenant) -> None:
    """With queues named, a worker leaves the application's other queues alone."""
    gate = Gate()
    gate.open.set()
    gate.app.handler("other")(print)
    await put(database, ours, {})
    async with working(database, gate.app, queues=["other"]) as worker:
        await worker._fetcher.loop.ready.wait()

    assert await count_by_status(database) == {"waiting": 1}
    assert worker.options.queues == ("other",)


async def test_wake_ups_are_passed_on(database: Database, resources: Resources, ours: Tenant) -> None:
    """Whoever else in the process wants to hear of ready queues hears what the worker hears."""
    heard: list[str] = []
    async with working(database, Gate().app) as worker:
        worker.also_hears = heard.append

        async def passed_on() -> bool:
            resources.notifier.announce(ours.queue_id)
            return ours.queue_id in heard

        await until(passed_on, what="the wake-up is passed on")


async def test_an_idle_worker_looks_where_it_listens(database: Database) -> None:
    """A worker and its maintenance that hear nothing look on the listening connection, without a transaction each."""
    async with working(database, Gate().app, maintained=True) as worker:
        worker.listener._quiet_from = 0
        looked: set[str] = set()

        async def both_looked() -> bool:
            with psycopg.connect(database.options.url, autocommit=True) as connection:
                [seen] = connection.execute(_LAST_WERE_LOOKS).fetchall()
            looked.update(name for name, is_last in zip(("scout", "lookout"), seen, strict=True) if is_last)
            return len(looked) == 2

        await until(both_looked, what="a look was the last that some connections did")
