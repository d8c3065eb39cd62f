"""One lifecycle for every loop: start, ready, stop; stopping twice or before the start is safe.

A loop takes turns. A turn returns how many seconds to wait before the next; `wake` ends the wait. A turn that meets a
TemporaryError (the database is away) is tried again after a growing, jittered wait, said once when it begins and once
when it is over, for as long as it takes. Any other error is a defect: it is logged whole, and the loop goes on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from fairlead.errors import TemporaryError

_FIRST_WAIT_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 10.0
ASLEEP_SECONDS: Final = 3600.0  # of a loop that others wake
_log = structlog.get_logger(__name__)


def rest(took: float, *, share: float, longest: float) -> float:
    """Return how long to rest after what took so long, in seconds, so that it takes a share of the time at most.

    `longest` bounds that: what took long may have waited, for a lock or a machine, and cost nothing.
    """
    return min(took / share, longest)


class Backoff:
    """A growing wait with jitter: between half and all of 0.1 s, 0.2 s, … up to `longest_seconds`."""

    def __init__(self, *, longest_seconds: float = LONGEST_WAIT_SECONDS) -> None:
        self._longest = longest_seconds
        self._bound = _FIRST_WAIT_SECONDS

    @property
    def is_fresh(self) -> bool:
        """Whether nothing has failed since the last reset."""
        return self._bound == _FIRST_WAIT_SECONDS

    def next_wait(self) -> float:
        """Return the next wait in seconds."""
        wait = random.uniform(self._bound / 2, self._bound)  # noqa: S311 - jitter, not a secret
        self._bound = min(self._bound * 2, self._longest)
        return wait

    def reset(self) -> None:
        """Begin again with the shortest wait."""
        self._bound = _FIRST_WAIT_SECONDS


class Loop:
    """Takes turns until it is stopped."""

    def __init__(
        self, name: str, turn: Callable[[], Awaitable[float]], *, longest_backoff_seconds: float = LONGEST_WAIT_SECONDS
    ) -> None:
        self.name = name
        self._longest_backoff_seconds = longest_backoff_seconds
        self.ready = asyncio.Event()  # set after the first turn that succeeded
        self._turn = turn
        self._news = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin taking turns; does nothing when it already has, or was stopped."""
        if self._task is None and not self._stopping:
            self._task = asyncio.create_task(self._run(), name=self.name)

    def wake(self) -> None:
        """End the present wait, or skip the next."""
        self._news.set()

    async def stop(self) -> None:
        """Let the turn under way finish, and take no other."""
        self._stopping = True
        self.wake()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        backoff = Backoff(longest_seconds=self._longest_backoff_seconds)
        while not self._stopping:
            await self._wait(await self._take_turn(backoff))

    async def _take_turn(self, backoff: Backoff) -> float:
        self._news.clear()
        try:
            seconds = await self._turn()
        except TemporaryError as error:
            if backoff.is_fresh:
                _log.warning("loop_interrupted", loop=self.name, code=error.code, error=str(error))
            return self._failed(backoff)
        except Exception:  # noqa: BLE001 - one bad turn must not end a worker; it is logged whole
            _log.exception("loop_failed", loop=self.name)
            return self._failed(backoff)
        if not backoff.is_fresh:
            _log.info("loop_resumed", loop=self.name)
            backoff.reset()
        self.ready.set()
        return seconds

    def _failed(self, backoff: Backoff) -> float:
        self._news.clear()  # a wake-up does not shorten the wait for a database that is away
        return backoff.next_wait()

    async def _wait(self, seconds: float) -> None:
        if seconds > 0 and not self._stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)
