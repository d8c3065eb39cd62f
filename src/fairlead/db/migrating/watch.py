"""Looks on, from a connection of its own, at the statement that a migration waits for.

The connection is opened only when a statement has taken a second, which most never do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import psycopg

from fairlead.db.migrating.events import Blocked, Event, Lasting, Running, Tell
from fairlead.db.migrating.guard import aside, blockers
from fairlead.db.migrating.ledger import Driver
from fairlead.errors import DatabaseUnavailable

_PATIENCE: Final = 1.0  # seconds of a statement before it is looked at, and between two looks
_REMINDERS: Final = 10.0  # seconds between two lines on a statement that is simply long


class Watch:
    """Tells of a statement that lasts, and of whoever blocks it, once for each set of blockers."""

    def __init__(self, url: str, pid: int, tell: Tell) -> None:
        self._url, self._pid, self._tell = url, pid, tell
        self._over = threading.Event()
        self._statement: tuple[str, float] | None = None  # what runs, and since when
        self._told: tuple[str, tuple[int, ...], float] = ("", (), 0.0)  # what was said last, of whom, and when

    def hear(self, event: Event) -> None:
        """Pass an event on, and remember which statement runs."""
        self._statement = (event.statement, time.monotonic()) if isinstance(event, Running) else None
        self._tell(event)

    def rest(self) -> None:
        """Nothing runs any more."""
        self._statement = None

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look on for as long as the block lasts."""
        thread = threading.Thread(target=self._look, name="fairlead migration watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _look(self) -> None:
        driver: Driver | None = None
        while not self._over.wait(_PATIENCE):
            running = self._statement
            if running is None or time.monotonic() - running[1] < _PATIENCE:
                continue
            with suppress(psycopg.Error, DatabaseUnavailable):  # who migrates notices for himself
                driver = driver or aside(self._url)
                self._say(driver, *running)
        if driver is not None:
            driver.close()

    def _say(self, driver: Driver, statement: str, since: float) -> None:
        found, now = blockers(driver, self._pid), time.monotonic()
        who = tuple(blocker.pid for blocker in found)
        if self._told[:2] == (statement, who) and (found or now - self._told[2] < _REMINDERS):
            return
        if self._statement is None or self._statement[1] != since:  # it is over meanwhile
            return
        self._told = (statement, who, now)
        self._tell(Blocked(statement, found) if found else Lasting(statement, now - since))
