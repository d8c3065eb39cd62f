from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs
from tests.fixtures.faults import end_connections, refuse_connections
from tests.fixtures.waiting import until

from fairlead.db.listen import listen
from fairlead.db.notify import CANCELLED, READY, Notifier
from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


class Heard:
    """A listener, and what it heard."""

    def __init__(self, database: Database) -> None:
        self.ready: list[str] = []
        self.cancelled: list[str] = []
        self.connected: list[bool] = []
        self.hear = {READY: self.ready.append, CANCELLED: self.cancelled.append}
        self.task = asyncio.create_task(listen(database.options, self.hear, connected=self.connected.append))

    async def until_connected(self, times: int = 1) -> None:
        """Return as soon as it has connected so often."""

        async def connected() -> bool:
            return self.connected.count(True) >= times

        await until(connected, what=f"the listener has connected {times} times")


@pytest.fixture
async def heard(database: Database) -> AsyncIterator[Heard]:
    """A listener that is connected."""
    made = Heard(database)
    await made.until_connected()
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


@pytest.fixture
async def notifier(database: Database) -> AsyncIterator[Notifier]:
    """A notifier on the same database."""
    made = Notifier(database.options)
    yield made
    await made.close()


async def test_a_wake_up_names_its_queue(heard: Heard, notifier: Notifier) -> None:
    """Whoever listens hears which queue has something, and which item was cancelled, each where it belongs."""
    notifier.announce("a queue")
    notifier.announce_cancelled("an item")
    notifier.announce("another queue")

    async def all_heard() -> bool:
        return len(heard.ready) == 2 and len(heard.cancelled) == 1

    await until(all_heard, what="everything is heard")
    assert heard.ready == ["a queue", "another queue"]
    assert heard.cancelled == ["an item"]


async def test_announcements_at_once_are_one_message(heard: Heard, notifier: Notifier) -> None:
    """However often a queue is announced while a message is under way, it is named once."""
    for _ in range(1000):
        notifier.announce("a queue")
    notifier.announce("the last")

    async def last_heard() -> bool:
        return "the last" in heard.ready

    await until(last_heard, what="the last is heard")
    assert heard.ready == ["a queue", "the last"]


async def test_a_lost_connection_is_made_again(
    heard: Heard, notifier: Notifier, database: Database, server_url: str
) -> None:
    """A listener whose connection ends connects again by itself, says so both times, and hears on."""
    with capture_logs() as logs:
        end_connections(server_url, database.options.url)
        await heard.until_connected(2)
    notifier.announce("a queue")

    async def heard_again() -> bool:
        return bool(heard.ready)

    await until(heard_again, what="a wake-up is heard")
    assert heard.connected == [True, False, True]
    assert [line["event"] for line in logs] == ["listening_interrupted", "listening_resumed"]


async def test_closing_twice_and_unused(database: Database) -> None:
    """A notifier may be closed twice, and one that sent nothing too."""
    notifier = Notifier(database.options)
    await notifier.close()
    notifier.announce("a queue")
    await notifier.close()
    await notifier.close()


async def test_what_was_announced_before_closing_is_sent(heard: Heard, database: Database) -> None:
    """A process that announces something and ends right away, as a command does, wakes whoever listens."""
    notifier = Notifier(database.options)
    notifier.announce("a queue")
    notifier.announce_cancelled("an item")
    await notifier.close()

    async def all_heard() -> bool:
        return bool(heard.ready and heard.cancelled)

    await until(all_heard, what="everything is heard", seconds=2)


@pytest.mark.parametrize("known", [True, False], ids=["known", "not known yet"])
async def test_closing_waits_for_no_database_that_is_away(database: Database, server_url: str, *, known: bool) -> None:
    """What cannot be sent is given up, after a second at most, so that a process ends whatever the database does."""
    notifier = Notifier(database.options)
    refuse_connections(server_url, database.options.url, refuse=True)
    try:
        with capture_logs() as logs:
            notifier.announce("a queue")

            async def interrupted() -> bool:
                return bool(logs) or not known

            await until(interrupted, what="the notifier has said that it is interrupted")
            async with asyncio.timeout(0.5 if known else 3):
                await notifier.close()
    finally:
        refuse_connections(server_url, database.options.url, refuse=False)
