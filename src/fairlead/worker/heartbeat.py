"""Heartbeat: keeps the leases of everything held, on a thread and a connection of its own.

A handler that blocks the event loop, or a pool without a free connection, therefore costs no lease. Leases are renewed
in batches when a third of them has passed, and at once when somebody says that the item was cancelled; whether items
with a running handler, or held for a second, were is asked every second, because nobody has to say so. An item whose
renewal is refused, or whose lease ended while the database could not be reached, is lost: its handler is stopped and
its outcome will not be accepted. What somebody holds locked is passed by: nobody else's leases end because of that.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import groupby, islice
from typing import Any, Final

import structlog

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database
from fairlead.db.tenancy import system
from fairlead.domain.json_values import problem
from fairlead.engine.renew import renew
from fairlead.queries.cancelled import find_cancelled
from fairlead.queries.current_leases import find_current
from fairlead.runtime.loop import Loop
from fairlead.worker.held import Held, HeldItems, Stop

BATCH: Final = 500
INTERVAL_SECONDS: Final = 0.25
LOOK_SECONDS: Final = 1.0  # between questions whether what is running was cancelled
LONGEST_BACKOFF_SECONDS: Final = 1.0  # short: every second after the database is back may cost a lease
_SCOPE: Final = system("renew leases of every organization")
_log = structlog.get_logger(__name__)


class Heartbeat:
    """A thread that renews; `on_lost` is called on that thread for each item that is lost."""

    def __init__(self, options: DatabaseOptions, held: HeldItems, *, on_lost: Callable[[Held, Stop], None]) -> None:
        self._options = options
        self._held = held
        self._on_lost = on_lost
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._stop = threading.Event()
        self._next_look = 0.0
        self._wake: Callable[[], object] = _nobody  # ends the wait of the thread's loop, from any thread
        self._end: Callable[[], object] = _nobody  # ends that loop, from any thread

    def start(self) -> None:
        """Begin renewing."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the renewal under way; safe to call twice, blocks for as long as that renewal takes."""
        self._stop.set()
        with suppress(RuntimeError):  # the thread has just ended
            self._end()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Renew at once what is in doubt."""
        with suppress(RuntimeError):  # the thread has just ended
            self._wake()

    def _run(self) -> None:
        asyncio.run(self._beat())

    async def _beat(self) -> None:
        database = Database(self._options)
        loop = Loop("heartbeat", lambda: self._turn(database), longest_backoff_seconds=LONGEST_BACKOFF_SECONDS)
        loop.start()
        ended, soon = asyncio.Event(), asyncio.get_running_loop().call_soon_threadsafe
        self._wake, self._end = partial(soon, loop.wake), partial(soon, ended.set)
        if not self._stop.is_set():  # not on another thread: Python joins those of `to_thread` before it exits
            await ended.wait()
        await loop.stop()
        await database.close()

    async def _turn(self, database: Database) -> float:
        self._lose_expired()
        for lease_seconds, batch in _batches(self._held.due(within=2 / 3)):
            await self._renew(database, lease_seconds, batch)
        await self._look(database)
        return INTERVAL_SECONDS

    async def _look(self, database: Database) -> None:
        """Let go of items that were cancelled since the last look; of quick ones nobody would hear in time."""
        now = time.monotonic()
        if now < self._next_look:
            return
        asked = [held for held in self._held.snapshot() if held.stopped is None and _is_asked_about(held, now)]
        if not asked:
            return
        self._next_look = now + LOOK_SECONDS
        async with database.unit_of_work(_SCOPE) as session:
            cancelled = await find_cancelled(session, _SCOPE, leases=[_named(held) for held in asked])
        for held in asked:
            if held.claimed.id in cancelled:
                self._lost(held, "cancelled")

    async def _renew(self, database: Database, lease_seconds: int, batch: list[Held]) -> None:
        sent, progress = time.monotonic(), _progress(batch)
        async with database.unit_of_work(_SCOPE) as session:
            renewed = await renew(
                session,
                _SCOPE,
                leases=[held.claimed for held in batch],
                lease_seconds=lease_seconds,
                progress=progress,
                waits=False,
            )
            missing = [_named(held) for held in batch if held.claimed.id not in renewed]
            locked = await find_current(session, _SCOPE, leases=missing) if missing else frozenset()
            cancelled = await find_cancelled(session, _SCOPE, leases=missing) if missing else frozenset()
        for held in batch:
            if held.claimed.id in renewed:
                held.renewed(sent)
            elif held.claimed.id not in locked:  # by somebody else: the next turn tries again
                self._lost(held, "cancelled" if held.claimed.id in cancelled else "lease lost")

    def _lose_expired(self) -> None:
        now = time.monotonic()
        for held in self._held.snapshot():
            if held.expires <= now:
                self._lost(held, "lease lost")

    def _lost(self, held: Held, reason: Stop) -> None:
        held.doubted = False
        if held.stopped is None and self._held.holds(held) and not held.is_finishing:
            self._on_lost(held, reason)


def _is_asked_about(held: Held, now: float) -> bool:
    return held.runner is not None or now - held.since > LOOK_SECONDS


def _named(held: Held) -> tuple[str, str, int]:
    return held.claimed.organization_id, held.claimed.id, held.claimed.claims


def _nobody() -> None:
    """Wake nobody: the thread does not run yet."""


def _batches(due: Iterable[Held]) -> Iterator[tuple[int, list[Held]]]:
    ordered = sorted((held for held in due if not held.item.lease_lost), key=lambda held: held.lease_seconds)
    for lease_seconds, group in groupby(ordered, key=lambda held: held.lease_seconds):
        while batch := list(islice(group, BATCH)):
            yield lease_seconds, batch


def _progress(batch: list[Held]) -> dict[str, dict[str, Any]]:
    """Return what handlers reported; what one of them put there by hand must not cost the batch its leases."""
    return {
        held.claimed.id: progress
        for held in batch
        if (progress := held.item.progress) is not None and problem(progress) is None
    }
