"""Claims that wait: who in this process waits for items of which queue, and who is told when there may be some.

One connection listens for the wake-ups that whoever enqueues sends (`db/notify.py`), from the first wait on. A wake-up
lets one claim of its queue look, and one that then got all it asked for lets two more look: so a crowd that waits costs
as many looks as there is work for, not as many as it is large. A wake-up can be missed, and some things send none (a
limit that leaves room again), so everybody also looks now and then; much oftener while nothing is heard.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from fairlead.db.listen import Listener
from fairlead.db.notify import READY
from fairlead.db.session import Database

LOOK_SECONDS: Final = 2.0
DEAF_LOOK_SECONDS: Final = 0.25
_WOKEN_BY_SUCCESS: Final = 2


class Waiter:
    """One claim that waits; `over` says that it is not to go on."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.over = False

    def end(self) -> None:
        """Let the claim look no more."""
        self.over = True
        self.news.set()

    async def look_again(self, *, within: float) -> None:
        """Return when there may be something, when it is over, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.news.wait()
        if not self.over:
            self.news.clear()


class Wakings:
    """The claims of one process that wait. Used from one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, dict[Waiter, None]] = {}  # by queue, who came first first
        self._listening: asyncio.Task[None] | None = None
        self._hears = False
        self._closed = False

    @contextmanager
    def waiting(self, queue_id: str) -> Iterator[Waiter]:
        """Be one of those who wait for a queue; what is enqueued from here on is not missed by all of them."""
        waiter = Waiter()
        if self._closed:
            waiter.end()
        elif self._listening is None:
            listener = Listener(self._database, {READY: self.hear}, connected=self._connected)
            self._listening = asyncio.create_task(listener.run())
        self._waiting.setdefault(queue_id, {})[waiter] = None
        try:
            yield waiter
        finally:
            del self._waiting[queue_id][waiter]
            if waiter.news.is_set():  # it was to look, and did not
                self.hear(queue_id)
            if not self._waiting[queue_id]:
                del self._waiting[queue_id]

    def seconds_to_next_look(self) -> float:
        """How long a claim waits before it looks unasked; by chance more or less, so that a crowd spreads."""
        longest = LOOK_SECONDS if self._hears else DEAF_LOOK_SECONDS
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret

    def hear(self, queue_id: str, *, most: int = 1) -> None:
        """Let up to `most` of those who wait for a queue look, who came first first."""
        idle = [waiter for waiter in self._waiting.get(queue_id, ()) if not waiter.news.is_set()]
        for waiter in idle[:most]:
            waiter.news.set()

    def found(self, queue_id: str) -> None:
        """Hear that a claim got all it asked for: there may be more."""
        self.hear(queue_id, most=_WOKEN_BY_SUCCESS)

    async def close(self) -> None:
        """End every wait, and listen no more; safe to call twice."""
        self._closed = True
        for waiters in self._waiting.values():
            for waiter in waiters:
                waiter.end()
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
            self._listening = None

    def _connected(self, hears: bool) -> None:
        self._hears = hears
        for queue_id in self._waiting:  # something may have been missed
            self.hear(queue_id)
