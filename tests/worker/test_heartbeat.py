from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs
from tests.fixtures.held import make_held
from tests.fixtures.items import claim_one, enqueue_some, expire, rescue_all, row_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.waiting import until
from tests.fixtures.workers import finished, put, reaching, working

from fairlead import App, Item
from fairlead.db.connect import DatabaseOptions
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.engine.reports import Lease
from fairlead.errors import ValidationFailed
from fairlead.worker.heartbeat import Heartbeat
from fairlead.worker.held import Held, HeldItems

pytestmark = pytest.mark.anyio

LEASE_SECONDS = 1
LONG_SECONDS = 3.0  # three leases


@pytest.fixture
async def brief(database: Database) -> Tenant:
    """An organization whose leases are as short as can be."""
    return await make_tenant(database, lease_seconds=LEASE_SECONDS)


async def _patient(_item: Item) -> str:
    await anyio.sleep(LONG_SECONDS)
    return "kept"


def _on_a_thread(_item: Item) -> str:
    threading.Event().wait(LONG_SECONDS)
    return "kept"


async def _blocking(_item: Item) -> str:
    end = time.monotonic() + LONG_SECONDS
    while time.monotonic() < end:
        pass
    return "kept"


@pytest.mark.parametrize("handler", [_patient, _on_a_thread, _blocking], ids=["async", "thread", "blocking"])
async def test_a_long_handler_keeps_its_lease(
    database: Database, brief: Tenant, handler: Callable[[Item], Any]
) -> None:
    """A handler that runs three times its lease keeps it, even when it blocks the event loop: claimed once."""
    app = App()
    app.handler("work")(handler)
    async with working(database, app, maintained=True):
        (item_id,) = await put(database, brief, {})
        row = await finished(database, brief, item_id)

    assert (row["status"], row["result"], row["claims"], row["attempts"]) == ("completed", "kept", 1, 1)


async def test_waiting_items_keep_their_leases_too(
    database: Database, brief: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker has claimed ahead but not begun keeps its lease, so that nobody else takes it meanwhile."""
    monkeypatch.setattr("fairlead.worker.pace.Pace.ahead", lambda _self: 1)
    app, begun, go_on = App(), asyncio.Event(), asyncio.Event()

    @app.handler("work")
    async def work(_item: Item) -> None:
        begun.set()
        await go_on.wait()

    async with working(database, app, maintained=True, concurrency=1):
        ids = await put(database, brief, {}, {})
        await begun.wait()
        first = [await reaching(database, brief, item_id, "processing") for item_id in ids]

        async def renewed() -> bool:
            now = [await row_of(database, brief, item_id) for item_id in ids]
            return all(_seconds_later(new, old) > 2 * LEASE_SECONDS for new, old in zip(now, first, strict=True))

        await until(renewed, what="both leases were renewed beyond their first end")
        go_on.set()
        rows = [await finished(database, brief, item_id) for item_id in ids]

    assert [row["claims"] for row in rows] == [1, 1]


def _seconds_later(new: dict[str, Any], old: dict[str, Any]) -> float:
    """Return by how much an item's lease was extended, as the database wrote it."""
    ends = [datetime.fromisoformat(row["lease_expires_at"]) for row in (new, old)]
    return (ends[0] - ends[1]).total_seconds()


async def test_progress_rides_along(database: Database, brief: Tenant) -> None:
    """Progress is stored with the next renewal, as it was when it was reported, and the last one wins."""
    app, seen = App(), asyncio.Event()

    @app.handler("work")
    async def work(item: Item) -> None:
        item.report_progress(percent=10)
        steps = ["first"]
        item.report_progress(percent=50, steps=steps)
        steps.append("changed afterwards")
        await seen.wait()

    async with working(database, app):
        (item_id,) = await put(database, brief, {})

        async def stored() -> bool:
            return bool((await row_of(database, brief, item_id))["progress"])

        await until(stored, what="the progress is stored")
        assert (await row_of(database, brief, item_id))["progress"] == {"percent": 50, "steps": ["first"]}
        seen.set()


async def test_the_next_attempt_sees_how_far_the_last_one_came(database: Database, brief: Tenant) -> None:
    """An attempt has the progress that an earlier one reported, and how each of them ended."""
    app, seen = App(), list[tuple[Any, list[tuple[int, str]]]]()

    @app.handler("work", backoff=lambda _attempt, _error: 0)
    async def work(item: Item) -> None:
        seen.append((item.progress, [(one["attempt"], one["error"].splitlines()[0]) for one in item.errors]))
        if item.attempt == 1:
            item.report_progress(done=7)

            async def stored() -> bool:
                return bool((await row_of(database, brief, item.id))["progress"])

            await until(stored, what="the progress is stored")
            raise ConnectionError("away")

    async with working(database, app):
        (item_id,) = await put(database, brief, {})
        assert (await finished(database, brief, item_id))["status"] == "completed"

    assert seen == [(None, []), ({"done": 7}, [(1, "ConnectionError: away")])]


async def test_impossible_progress_costs_nobody_a_lease(database: Database, brief: Tenant) -> None:
    """Progress that cannot be stored is refused where it is reported; put there by hand it is left out."""
    app, seen = App(), asyncio.Event()

    @app.handler("work")
    async def work(item: Item) -> None:
        with pytest.raises(ValidationFailed):
            item.report_progress(done="\x00")
        item.progress = {"bad": object()}
        await seen.wait()

    @app.handler("work", task="good")
    async def good(item: Item) -> None:
        item.report_progress(done=1)
        await seen.wait()

    async with working(database, app, maintained=True):
        (bad_id,) = await put(database, brief, {})
        (good_id,) = await put(database, brief, {}, task="good")

        async def stored() -> bool:
            return bool((await row_of(database, brief, good_id))["progress"])

        await until(stored, what="the good progress is stored")
        seen.set()
        rows = [await finished(database, brief, item_id) for item_id in (bad_id, good_id)]

    assert [(row["status"], row["claims"]) for row in rows] == [("completed", 1)] * 2


async def test_a_lost_lease_cancels_an_async_handler(database: Database, brief: Tenant) -> None:
    """When its lease is taken away an async handler is cancelled; its outcome is neither reported nor accepted."""
    app, begun, ended = App(), asyncio.Event(), asyncio.Event()
    lost: list[bool] = []

    @app.handler("work")
    async def work(item: Item) -> str:
        if begun.is_set():
            return "the second one's"
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            lost.append(item.lease_lost)
            ended.set()
        return "not to be seen"

    with capture_logs() as logs:
        async with working(database, app, queues=["work"], poll_seconds=60):
            (item_id,) = await put(database, brief, {})
            await _nudge(database, brief)
            await asyncio.wait_for(begun.wait(), 20)
            await expire(database, Lease(brief.organization_id, item_id, 1))
            await rescue_all(database)
            await asyncio.wait_for(ended.wait(), 3 * LEASE_SECONDS)
    row = await row_of(database, brief, item_id)

    assert lost == [True]
    assert "lease_lost" in [line["event"] for line in logs]
    assert row["result"] in {None, "the second one's"}


async def test_a_lost_lease_is_seen_by_a_thread(database: Database, brief: Tenant) -> None:
    """A handler on a thread sees that its lease is lost, and what it returns after that is not accepted."""
    app, begun, saw = App(), threading.Event(), threading.Event()
    attempts: list[int] = []

    @app.handler("work")
    def work(item: Item) -> str:
        attempts.append(item.attempt)
        if len(attempts) > 1:
            return "the second one's"
        begun.set()
        while not item.lease_lost:
            threading.Event().wait(0.01)
        saw.set()
        return "not to be seen"

    async with working(database, app, maintained=True):
        (item_id,) = await put(database, brief, {})
        assert await asyncio.to_thread(begun.wait, 20)
        await expire(database, Lease(brief.organization_id, item_id, 1))
        assert await asyncio.to_thread(saw.wait, 10)
        row = await finished(database, brief, item_id)

    assert (row["status"], row["result"], row["claims"]) == ("completed", "the second one's", 2)


async def _nudge(database: Database, owner: Tenant) -> None:
    """Enqueue and work nothing: wake listening workers, as an enqueue through the services does."""
    notifier = Notifier(database.options)
    notifier.announce(owner.queue_id)

    async def sent() -> bool:
        return not notifier._messages

    await until(sent, what="the wake-up is sent")
    await notifier.close()


async def test_leases_end_by_themselves_without_a_database(database: Database, ours: Tenant) -> None:
    """When nothing can be renewed, an item is lost as soon as its lease has ended by this process's own clock."""
    held = HeldItems()
    told: list[Held] = []
    await enqueue_some(database, ours, 1)
    one = make_held(**(await claim_one(database, ours))._asdict())
    one.expires = time.monotonic() + 0.3
    held.add(one)
    heartbeat = Heartbeat(_unreachable(database), held, on_lost=lambda one, _reason: told.append(one))
    heartbeat.start()

    async def lost() -> bool:
        return one in told

    try:
        await until(lost, what="the item is lost", seconds=3)
    finally:
        await asyncio.to_thread(heartbeat.stop)


def _unreachable(database: Database) -> DatabaseOptions:
    return replace(database.options, url="postgresql://nobody@127.0.0.1:1/none")


async def test_stopping_twice_and_before_the_start(database: Database) -> None:
    """A heartbeat may be stopped before it was started, and twice."""
    heartbeat = Heartbeat(database.options, HeldItems(), on_lost=lambda _held, _reason: None)
    heartbeat.stop()
    heartbeat.start()
    await asyncio.to_thread(heartbeat.stop)
    await asyncio.to_thread(heartbeat.stop)


def test_a_process_ends_although_nobody_stopped_it() -> None:
    """A heartbeat that was left running, by a worker that failed say, does not keep its process from ending."""
    program = """
from fairlead.db.connect import DatabaseOptions
from fairlead.worker import heartbeat, held
left = heartbeat.Heartbeat(DatabaseOptions(url="postgresql://nobody@127.0.0.1:1/none"), held.HeldItems(), on_lost=print)
left.start()
while left._wake is heartbeat._nobody:  # until its loop runs
    pass
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
