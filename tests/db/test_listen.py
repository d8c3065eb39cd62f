from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio.lowlevel
import psycopg
import pytest
from structlog.testing import capture_logs
from tests.fixtures.databases import LOGIN
from tests.fixtures.doctor import superuser_of
from tests.fixtures.faults import end_connections, refuse_connections
from tests.fixtures.items import FLEET
from tests.fixtures.pooler import SERVER_CONNECTIONS, needs_pooler, pooler, through
from tests.fixtures.waiting import until

from fairlead.db.connect import DatabaseOptions
from fairlead.db.listen import Listener
from fairlead.db.notify import CANCELLED, READY, Notifier
from fairlead.db.session import Database
from fairlead.db.statement import Statement

pytestmark = pytest.mark.anyio

_LISTENING = "select pid from pg_stat_activity where datname = current_database() and query like 'listen %'"
_WHERE = Statement("select pg_backend_pid()")
_WHO = Statement("""
select cast(current_user as text), current_setting('fairlead.organization_id')
""")
_OF_DUTIES = Statement("select count(*) from duties")
_SAY = Statement("select cast(pg_notify(:channel, 'a queue') as text)")
_WRONG = Statement("select 1 / cast(:zero as int)")


class Heard:
    """A listener, and what it heard."""

    def __init__(self, database: Database) -> None:
        self.ready: list[str] = []
        self.cancelled: list[str] = []
        self.connected: list[bool] = []
        self.process_id = 0  # of the server's process at the other end
        self._url = database.options.url
        hear = {READY: self.ready.append, CANCELLED: self.cancelled.append}
        self.listener = Listener(database, hear, connected=self.connected.append)
        self.task = asyncio.create_task(self.listener.run())

    def be_quiet(self, *, quiet: bool = True) -> None:
        """Let it be as if nothing had been heard for long, or something just now."""
        self.listener._quiet_from = 0 if quiet else float("inf")

    async def look(self, statement: Statement = _WHERE, **parameters: object) -> Any:
        """Take a look and return the row it gave."""
        [row] = await self.listener.alone(FLEET).run(statement, parameters)
        return row

    async def until_connected(self, times: int = 1) -> None:
        """Return as soon as it has connected so often."""

        async def connected() -> bool:
            return self.connected.count(True) >= times

        await until(connected, what=f"the listener has connected {times} times")
        with psycopg.connect(self._url) as connection:
            [(self.process_id,)] = connection.execute(_LISTENING).fetchall()


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

    await until(all_heard, what="everything is heard")


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


async def test_looks_are_taken_while_nothing_is_heard(heard: Heard, notifier: Notifier) -> None:
    """An idle process looks on the connection that listens, and elsewhere from the next message on for a while."""
    assert await heard.look() != (heard.process_id,)
    heard.be_quiet()
    assert [await heard.look() for _ in range(10)] == [(heard.process_id,)] * 10
    assert await asyncio.gather(*(heard.look() for _ in range(10))) == [(heard.process_id,)] * 10
    notifier.announce("a queue")

    async def told() -> bool:
        return bool(heard.ready)

    await until(told, what="the wake-up is heard")
    assert await heard.look() != (heard.process_id,)


async def test_what_is_said_during_a_look_is_heard(heard: Heard) -> None:
    """A message that comes while a look is under way is handed over after it, and others are heard as before."""
    heard.be_quiet()
    await heard.look(_SAY, channel=READY)

    async def told() -> bool:
        return bool(heard.ready)

    await until(told, what="the wake-up is heard")


async def test_a_look_has_the_rights_of_any(heard: Heard, database: Database) -> None:
    """A look there is of the same role as one in a transaction of its own."""
    [elsewhere] = await database.alone(FLEET).run(_WHO, {})
    heard.be_quiet()
    assert await heard.look(_WHO) == elsewhere
    assert await heard.look(_WHO) == elsewhere


async def test_a_look_that_waits_keeps_no_message_waiting(
    heard: Heard, notifier: Notifier, server_url: str, database_url: str
) -> None:
    """A look that has to wait for somebody's lock does so elsewhere, and messages are heard meanwhile."""
    heard.be_quiet()
    assert await heard.look() == (heard.process_id,)
    with psycopg.connect(superuser_of(server_url, database_url)) as holder:
        holder.execute("lock table duties in access exclusive mode")
        waiting = asyncio.create_task(heard.look(_OF_DUTIES))
        notifier.announce("a queue")

        async def told() -> bool:
            return bool(heard.ready)

        await until(told, what="the wake-up is heard")
        assert not waiting.done()
        holder.rollback()
    assert await waiting == (0,)


async def test_a_look_that_fails_is_its_callers(heard: Heard) -> None:
    """An error of a look is raised where it was asked for; the listener listens on."""
    heard.be_quiet()
    with capture_logs() as logs:
        for _ in range(10):
            with pytest.raises(psycopg.errors.DivisionByZero):
                await heard.look(_WRONG, zero=0)
        assert await heard.look() == (heard.process_id,)
    assert logs == []
    assert heard.connected == [True]


async def test_a_look_that_nobody_waits_for(heard: Heard) -> None:
    """A look whose caller was cancelled disturbs nobody else's."""
    heard.be_quiet()
    given_up = asyncio.create_task(heard.look())
    await anyio.lowlevel.checkpoint()
    given_up.cancel()
    assert await heard.look() == (heard.process_id,)


async def test_a_look_when_the_connection_is_lost(heard: Heard, server_url: str, database: Database) -> None:
    """Looks that are asked for while the connection goes away are taken elsewhere."""
    heard.be_quiet()
    await database.alone(FLEET).run(_WHERE, {})
    end_connections(server_url, database.options.url)
    answers = await asyncio.gather(*(heard.look() for _ in range(10)))
    assert len(answers) == 10
    await heard.until_connected(2)
    heard.be_quiet()
    assert await heard.look() == (heard.process_id,)


async def test_the_end_of_listening_takes_nobody_along(heard: Heard) -> None:
    """Looks that are asked for while the listener is stopped are taken elsewhere, and so are all later ones."""
    heard.be_quiet()
    looks = [asyncio.create_task(heard.look()) for _ in range(3)]
    await anyio.lowlevel.checkpoint()
    heard.task.cancel()
    assert len(await asyncio.gather(*looks)) == 3
    await asyncio.gather(heard.task, return_exceptions=True)
    assert await heard.look() != (heard.process_id,)


@needs_pooler
async def test_a_pooler_is_left_as_it_was(database_url: str, server_url: str) -> None:
    """Nothing is set for the session where that is one of a pooler's, which it lends to others: looks go elsewhere."""
    with pooler(server_url) as port:
        options = DatabaseOptions(url=through(database_url, port), pool_size=1, prepare_after=None)
        database = Database(options)
        connected = asyncio.Event()
        listener = Listener(database, {READY: print}, connected=lambda _: connected.set())
        task = asyncio.create_task(listener.run())
        await connected.wait()
        listener._quiet_from = 0
        for _ in range(10):
            assert await listener.alone(FLEET).run(_WHERE, {})
        for _ in range(SERVER_CONNECTIONS):
            with psycopg.connect(options.url) as client:
                assert client.execute("select current_user, session_user").fetchone() == (LOGIN, LOGIN)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await database.close()
