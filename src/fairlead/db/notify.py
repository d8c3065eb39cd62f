"""Wake-ups: tell listening workers that a queue has something ready, after the transaction that put it there.

Never inside the caller's transaction: NOTIFY takes a lock that makes commits wait for each other (measured: half the
enqueues). A notifier has one connection of its own and sends one message a queue for all announcements that came in
while the last was under way. A lost wake-up costs one poll interval and nothing else, so errors are not the caller's,
and its commit is not waited for until it is on disk: that would be a third of the way from an enqueue to its handler.
Closing sends what was announced before it, as far as the database can be reached within a second.
The same way workers are told of an item that was cancelled under them, which they learn at its next renewal anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psycopg
import structlog

from fairlead.db.connect import DatabaseOptions, connect_arguments

READY: Final = "fairlead_ready"  # the payload is a queue's id
CANCELLED: Final = "fairlead_cancelled"  # the payload is an item's id
_NOTIFY: Final = b"""
with lightly as materialized (select set_config('synchronous_commit', 'off', true))
select pg_notify(n.channel, n.payload)
from lightly
cross join unnest(%s::text[], %s::text[]) n (channel, payload)
"""
_WAKE_UP: Final = b"select pg_notify('" + READY.encode() + b"', %(queue_id)s)"
_RECONNECT_SECONDS: Final = 1.0
_LAST_WORDS_SECONDS: Final = 1.0
_log = structlog.get_logger(__name__)


def wake_up(queue_id: str) -> tuple[bytes, dict[str, str]]:
    """Return the statement that says so on somebody else's connection, with its parameters."""
    return _WAKE_UP, {"queue_id": queue_id}


class Notifier:
    """Sends wake-ups in the background; `announce` never waits and never fails."""

    def __init__(self, options: DatabaseOptions) -> None:
        self.overheard: Callable[[str], None] = lambda _queue_id: None  # what this process itself announces
        self._options = options
        self._messages: dict[tuple[str, str], None] = {}  # in the order of the announcements
        self._news = asyncio.Event()
        self._silent = asyncio.Event()  # nothing is left to be sent, or to be hoped for
        self._task: asyncio.Task[None] | None = None
        self._interrupted = False

    def announce(self, queue_id: str) -> None:
        """Say that a queue has ready items; call it after the commit, from the event loop's thread."""
        self._add(READY, queue_id)
        self.overheard(queue_id)

    def announce_cancelled(self, item_id: str) -> None:
        """Say that an item was cancelled that somebody was working on; call it as `announce`."""
        self._add(CANCELLED, item_id)

    async def close(self) -> None:
        """Send what is left, if that takes no second, and stop; what is not sent is found by polling.

        Safe to call twice.
        """
        if self._task is None:
            return
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._silent.wait(), _LAST_WORDS_SECONDS)
        finally:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def _add(self, channel: str, payload: str) -> None:
        self._messages[channel, payload] = None
        self._news.set()
        if not self._interrupted:
            self._silent.clear()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="notifier")

    async def _run(self) -> None:
        while True:
            try:
                await self._send_all()
            except (psycopg.Error, OSError) as error:
                if not self._interrupted:
                    _log.warning("wake_ups_interrupted", error=str(error))
                self._interrupted = True
                self._silent.set()
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _send_all(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            self._options.url, autocommit=True, **connect_arguments(self._options)
        ) as connection:
            if self._interrupted:
                _log.info("wake_ups_resumed")
            self._interrupted = False
            while True:
                await self._news.wait()
                self._news.clear()
                messages, self._messages = list(self._messages), {}
                await connection.execute(_NOTIFY, [list(part) for part in zip(*messages, strict=True)])
                if not self._messages:
                    self._silent.set()
