"""Runners: each takes the next item from the buffer, works it and hands its outcome on, one after the other.

As many as handlers may run at once. A handler that swallows every cancellation is left behind, and one that cancels its
own task takes its runner along; another takes that one's place. Runners of handlers that never wait go on without a
pause for a few items, and wake each other one by one, so that the event loop, which hears of wake-ups and answers, has
its turn between them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog

from fairlead.runtime.loop import Loop
from fairlead.worker.buffer import Buffer
from fairlead.worker.execute import CANCELLED_ITSELF, abandoned, execute, stop_overdue
from fairlead.worker.held import Held
from fairlead.worker.outcome import Outcome, Released, Stopped, failed
from fairlead.worker.registry import App

LET_GO_SECONDS: Final = 2.0  # how long a cancelled handler may take to clean up
_WATCH_SECONDS: Final = 0.1
_QUICK_ITEMS: Final = 20  # worked by one runner without a pause
_AT_ONCE: Final = 8  # runners that are woken together
_log = structlog.get_logger(__name__)


class Supply(Protocol):
    """Who keeps the buffer filled, and therefore hears what becomes of it."""

    def begun(self) -> None:
        """Hear that a runner has taken an item."""

    def ended(self) -> None:
        """Hear that a runner is free again."""


class Runners:
    """`settle` gets each item that was worked with its outcome; None when there is nothing to say of it any more."""

    def __init__(
        self, app: App, buffer: Buffer, *, supply: Supply, settle: Callable[[Held, Outcome | None], None]
    ) -> None:
        self.running: set[Held] = set()
        self._app = app
        self._buffer = buffer
        self._supply = supply
        self._settle = settle
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._letting_go = False  # nothing goes on
        self._watch = Loop("watch", self._watch_turn)

    @property
    def are_stubborn(self) -> bool:
        """Whether handlers still run that swallow every cancellation."""
        return self._letting_go and any(not task.done() for task in self._tasks)

    def start(self, count: int) -> None:
        """Begin to work with so many runners."""
        self._watch.start()
        self._tasks = [asyncio.create_task(self._run(), name=f"runner-{number}") for number in range(count)]

    def supplied(self, count: int) -> None:
        """Let as many runners go on as items came in, a few at first, of which each lets another while any is left."""
        for _ in range(min(count, _AT_ONCE)):
            self._wake_one()

    def _wake_one(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def stop(self) -> None:
        """Cancel the runners, twice where a handler swallows it, and release what even then runs on."""
        self._letting_go = True
        left = set(self._tasks)
        for _ in range(2):
            for task in left:
                task.cancel()
            if left:
                _, left = await asyncio.wait(left, timeout=LET_GO_SECONDS)
        for held in self.running:
            self._settle(held, Released(held))
        await self._watch.stop()

    async def _run(self) -> None:
        """One runner: takes the next item, works it, hands its outcome on; until all let go."""
        quick, task = 0, asyncio.current_task()
        while not self._letting_go:
            held = await self._next()
            outcome = await self._worked(held, task)
            if held.abandoned:
                if isinstance(outcome, Stopped):  # it did stop in the end
                    self._settle(held, outcome)
                return
            self._settle(held, outcome)
            if (quick := quick + 1) % _QUICK_ITEMS == 0:
                await asyncio.sleep(0)

    async def _worked(self, held: Held, task: asyncio.Task[Any] | None) -> Outcome | None:
        self.running.add(held)
        self._supply.begun()
        try:
            return await execute(self._app, held, runner=task)
        except asyncio.CancelledError:
            if not held.abandoned:
                self._settle(held, Released(held) if self._letting_go else failed(held, CANCELLED_ITSELF))
                if not self._letting_go:
                    self._replace()
            raise
        except BaseException:  # noqa: BLE001 - a defect of ours must cost neither the item nor the runner
            _log.exception("attempt_not_judged", item_id=held.claimed.id)
            return failed(held, "The worker could not tell what the handler did.")
        finally:
            self._over(held)

    async def _next(self) -> Held:
        while not self._buffer:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
        held = self._buffer.take()
        if self._buffer and self._waiting:
            self._wake_one()
        return held

    async def _watch_turn(self) -> float:
        for held in stop_overdue(list(self.running)):
            self._abandon(held)
        return _WATCH_SECONDS

    def _abandon(self, held: Held) -> None:
        """Settle for a handler that cannot be stopped, and put another runner in the place of its own."""
        self._settle(held, abandoned(self._app, held))
        self._over(held)
        self._replace()

    def _replace(self) -> None:
        """Put another runner in the place of one that ends."""
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(self._run(), name="runner"))

    def _over(self, held: Held) -> None:
        """Have one handler less running; an abandoned one's end is no news."""
        if held in self.running:
            self.running.discard(held)
            self._supply.ended()
