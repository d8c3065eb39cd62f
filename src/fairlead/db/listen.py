"""Listening for wake-ups: the only connection that keeps session state, so it needs a direct (not pooled) one.

It reconnects by itself, which is said once when it begins and once when it is over. After each (re)connection the
listener is told, because something may have been missed; correctness never depends on a wake-up.

While nothing is heard, an idle process looks around here, with one prepared statement a look: without a transaction to
begin, to set and to commit, which is seven. No message comes through while a statement runs: a process that hears
something looks elsewhere, and what waits for a lock, or takes a second, is run again there. Elsewhere looks, too, whose
connection leads through a pooler, although it should not: what is set for the session would then be set for others.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import psycopg
import structlog
from psycopg.errors import LockNotAvailable, QueryCanceled

from fairlead.db.connect import DatabaseOptions, connect_arguments
from fairlead.db.one_statement import Answer
from fairlead.db.session import Alone, Database, Session, limits
from fairlead.db.sqlstate import from_driver
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope, entering

QUIET_SECONDS: Final = 2.0  # without a message, before looks are taken here
_MOMENT: Final = DatabaseOptions(url="", lock_timeout_seconds=0.25, statement_timeout_seconds=1)
_LONGEST_WAIT_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)


class _Look(NamedTuple):
    """A statement that somebody waits for; the answer None says that it was not run here."""

    scope: SystemScope
    statement: Statement
    parameters: Mapping[str, Any]
    answer: asyncio.Future[Answer | None]


class Listener:
    """Hands every message's payload to its channel's function, and takes looks in between.

    The channels are those of `db/notify.py`. `connected` is called with True after each connection and with False
    when one is lost.
    """

    def __init__(
        self, database: Database, hear: Mapping[str, Callable[[str], None]], *, connected: Callable[[bool], None]
    ) -> None:
        self._database = database
        self._hear = hear
        self._connected = connected
        self._quiet_from = float("inf")  # the loop's seconds
        self._asked: deque[_Look] = deque()
        self._patience: asyncio.Timeout | None = None  # with the next message
        self._settings = ""  # of the session
        self._is_direct = False

    async def run(self) -> None:
        """Listen until cancelled."""
        wait, interrupted = 0.1, False
        while True:
            try:
                async with await _connection(self._database.options) as connection:
                    self._is_direct = await _is_direct(connection)
                    await connection.execute("; ".join(f"listen {channel}" for channel in self._hear).encode())
                    if interrupted:
                        _log.info("listening_resumed")
                    wait, interrupted = 0.1, False
                    self._connected(True)
                    await self._serve(connection)
            except (psycopg.Error, OSError) as error:
                if not interrupted:
                    self._connected(False)
                    _log.warning("listening_interrupted", error=str(error), polling=True)
                interrupted = True
            await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - jitter, not a secret
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def alone(self, scope: SystemScope) -> Session:
        """Return a session for one statement, as `Database.alone` does; should the connection be lost, it is run again.

        So it must be one that only reads, or does nothing the second time.
        """
        elsewhere = self._database.sender(scope)

        async def send(statement: Statement, parameters: Mapping[str, Any]) -> Answer:
            here = None
            if self._is_direct and asyncio.get_running_loop().time() >= self._quiet_from:
                here = await self._ask(scope, statement, parameters)
            return here or await elsewhere(statement, parameters)

        return Alone(send)

    async def _ask(self, scope: SystemScope, statement: Statement, parameters: Mapping[str, Any]) -> Answer | None:
        look = _Look(scope, statement, parameters, asyncio.get_running_loop().create_future())
        self._asked.append(look)
        if self._patience is not None:
            self._patience.reschedule(0)
            self._patience = None
        return await look.answer

    async def _serve(self, connection: psycopg.AsyncConnection[Any]) -> None:
        loop = asyncio.get_running_loop()
        self._settings, self._quiet_from = "", loop.time() + QUIET_SECONDS
        try:
            while True:
                while self._asked:
                    await self._take(connection, self._asked[0])
                with suppress(TimeoutError):
                    async with asyncio.timeout(None) as self._patience:
                        async for message in connection.notifies():
                            self._quiet_from = loop.time() + QUIET_SECONDS
                            self._hear[message.channel](message.payload)
        finally:
            self._patience, self._quiet_from = None, float("inf")
            while self._asked:
                self._answer(None)

    async def _take(self, connection: psycopg.AsyncConnection[Any], look: _Look) -> None:
        settings = f"{limits(_MOMENT, local=False)}; {entering(look.scope, local=False)}"
        try:
            if self._settings != settings:
                await connection.execute(settings.encode(), prepare=False)
                self._settings = settings
            cursor = await connection.execute(look.statement.driver_text, look.parameters)
            rows = await cursor.fetchall() if cursor.description is not None else []
        except (LockNotAvailable, QueryCanceled):
            self._answer(None)  # messages wait as long as it does
        except psycopg.Error as error:
            if connection.closed:
                raise
            self._answer(from_driver(error) or error)
        else:
            self._answer(Answer(rows, cursor.rowcount))

    def _answer(self, answer: Answer | Exception | None) -> None:
        asked = self._asked.popleft().answer
        if asked.done():  # nobody waits for it any more
            return
        if isinstance(answer, Exception):
            asked.set_exception(answer)
        else:
            asked.set_result(answer)


async def _connection(options: DatabaseOptions) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(options.session_url, autocommit=True, **connect_arguments(options))


async def _is_direct(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether the server's process is the one that we were told of: a pooler has told of another."""
    row = await (await connection.execute("select pg_backend_pid()", prepare=False)).fetchone()
    return row is not None and row[0] == connection.info.backend_pid
