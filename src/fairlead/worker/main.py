"""One worker process: composes fetch, runners, report and heartbeat, and stops them in the right order.

Draining (the first signal): claim nothing, give back what has not been started, let running handlers finish, report.
Letting go (the second signal, or the drain limit): stop the handlers and release their leases.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from fairlead.bootstrap import Resources
from fairlead.db.listen import Listener
from fairlead.db.notify import CANCELLED, READY
from fairlead.domain.ids import new_id
from fairlead.errors import HandlerInvalid
from fairlead.worker.buffer import Buffer
from fairlead.worker.fetch import Fetcher, FetchOptions
from fairlead.worker.heartbeat import Heartbeat
from fairlead.worker.held import Held, HeldItems, Stop
from fairlead.worker.outcome import Outcome, Released, Stopped
from fairlead.worker.registry import App
from fairlead.worker.report import Reporter
from fairlead.worker.runners import Runners
from fairlead.worker.turns import Turns

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How one worker works. `queues` empty means every queue that has a handler."""

    queues: Sequence[str] = ()
    concurrency: int = 10  # handlers that run at once
    poll_seconds: float = 1.0
    drain_seconds: float = 30.0  # how long handlers, and outcomes that nobody has taken, get after the first signal
    worker_id: str = field(default_factory=new_id)


class Worker:
    """Runs an application's handlers on what its queues hold, until it is stopped."""

    def __init__(self, resources: Resources, app: App, *, options: WorkerOptions) -> None:
        self.options = replace(options, queues=_served(app, options.queues))
        self._resources = resources
        self._held = HeldItems()
        self._buffer = Buffer()
        self._loop = asyncio.get_running_loop()
        self._reporter = Reporter(resources.database, self._held, on_reported=self._reported)
        hear = {READY: self._hear, CANCELLED: self._doubt}
        self.listener = Listener(resources.database, hear, connected=self._connected)
        self._fetcher = Fetcher(
            resources.database,
            self._held,
            self._buffer,
            looks=self.listener,
            options=FetchOptions(options.worker_id, self.options.queues, options.concurrency, options.poll_seconds),
            supplied=self._supplied,
            aside=self._reporter.aside,
        )
        self._turns = Turns(resources.database, ready=self._ready)
        self._heartbeat = Heartbeat(
            replace(resources.database.options, pool_size=1), self._held, on_lost=self._lost_on_thread
        )
        self.also_hears: Callable[[str], None] = lambda _queue_id: None  # of every wake-up for a queue
        self._runners = Runners(app, self._buffer, supply=self._fetcher, settle=self._settle)
        self._listening: asyncio.Task[None] | None = None
        self._draining = False  # nothing new is begun

    @property
    def has_stubborn_handlers(self) -> bool:
        """Whether handlers still run that swallow every cancellation: the event loop could not end by itself."""
        return self._runners.are_stubborn

    @property
    def is_idle(self) -> bool:
        """Whether the worker holds nothing."""
        return len(self._held) == 0

    async def start(self) -> None:
        """Begin to work."""
        self._heartbeat.start()
        self._reporter.start()
        self._turns.loop.start()
        self._runners.start(self.options.concurrency)
        self._fetcher.loop.start()
        self._fetcher.express.start()
        self._fetcher.locked.start()
        self._fetcher.scout.loop.start()
        self._listening = asyncio.create_task(self.listener.run(), name="listener")
        _log.info(
            "worker_started",
            worker_id=self.options.worker_id,
            host=socket.gethostname(),
            process_id=os.getpid(),
            queues=list(self.options.queues),
            concurrency=self.options.concurrency,
        )

    async def drain(self, let_go: asyncio.Event) -> None:
        """Finish what is running and stop; `let_go`, or the drain limit, ends the patience."""
        self._draining = True
        deadline = self._loop.time() + self.options.drain_seconds
        self._fetcher.close()
        self._release_buffered()
        fetching = (self._fetcher.scout.loop, self._fetcher.express, self._fetcher.locked, self._fetcher.loop)
        await asyncio.gather(*(loop.stop() for loop in fetching))
        await self._runners_idle(let_go, deadline)
        await self._runners.stop()
        await self._reported_or(let_go, deadline)
        await self._stop_rest()
        _log.info("worker_stopped", worker_id=self.options.worker_id, held=len(self._held))

    def _connected(self, heard: bool) -> None:
        self._fetcher.scout.listening(heard)

    def _hear(self, queue_id: str) -> None:
        self._fetcher.scout.announce(queue_id)
        self.also_hears(queue_id)

    def _doubt(self, item_id: str) -> None:
        """Hear that an item was cancelled: if it is held here, ask at once whether that is so."""
        if held := self._held.get(item_id):
            held.doubted = True
            self._heartbeat.wake()

    def _supplied(self, count: int) -> None:
        """Let a runner go on when items came into the buffer."""
        if self._draining:  # their claim was under way
            self._release_buffered()
            return
        self._runners.supplied(count)

    def _settle(self, held: Held, outcome: Outcome | None) -> None:
        """Let the outcome be reported; without one there is nothing to say of the item any more."""
        if outcome is None:
            self._held.drop(held)
        else:
            self._reporter.add(outcome)

    def _reported(self, outcomes: Sequence[Outcome]) -> None:
        self._fetcher.reported(outcomes)
        self._turns.reported(outcomes)

    def _ready(self, queue_id: str) -> None:
        self._fetcher.scout.announce(queue_id)
        self._resources.notifier.announce(queue_id)  # this worker may have no room for it

    def _lost_on_thread(self, held: Held, reason: Stop) -> None:
        with suppress(RuntimeError):  # the loop has just been closed
            self._loop.call_soon_threadsafe(self._lost, held, reason)

    def _lost(self, held: Held, reason: Stop) -> None:
        if self._held.holds(held) and not held.is_stopped() and not held.is_finishing:
            held.stop(reason)
            if reason == "cancelled" and held.runner is None:  # it may wait long for a runner, and keep its slot
                self._reporter.add(Stopped(held))

    def _release_buffered(self) -> None:
        for held in self._buffer.take_all():
            self._reporter.add(Released(held))

    async def _runners_idle(self, let_go: asyncio.Event, deadline: float) -> None:
        while self._runners.running and not let_go.is_set() and self._loop.time() < deadline:
            with suppress(TimeoutError):
                await asyncio.wait_for(let_go.wait(), _DRAIN_LOOK_SECONDS)

    async def _reported_or(self, let_go: asyncio.Event, deadline: float) -> None:
        """Wait until everything is reported, or the drain limit is over; when told to let go, for a moment only."""
        reported = asyncio.create_task(self._reporter.drained())
        impatient = asyncio.create_task(let_go.wait())
        limit = max(deadline - self._loop.time(), _LAST_REPORT_SECONDS)
        await asyncio.wait([reported, impatient], timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if let_go.is_set():
            await asyncio.wait([reported], timeout=_LAST_REPORT_SECONDS)
        for task in (reported, impatient):
            task.cancel()

    async def _stop_rest(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        stopping = asyncio.create_task(self._reporter.stop())
        await asyncio.wait([stopping], timeout=_LAST_REPORT_SECONDS)
        await self._turns.loop.stop()
        await asyncio.to_thread(self._heartbeat.stop)


_DRAIN_LOOK_SECONDS: Final = 0.05
_LAST_REPORT_SECONDS: Final = 5.0


def _served(app: App, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the queues to serve; raises HandlerInvalid for one without a handler, or for none at all."""
    if missing := sorted(set(wanted) - set(app.queues)):
        raise HandlerInvalid(
            f"There is no handler for {', '.join(map(repr, missing))}; the application handles "
            f"{', '.join(map(repr, app.queues)) or 'nothing'}."
        )
    served = tuple(wanted) or tuple(app.queues)
    if not served:
        raise HandlerInvalid("The application has no handlers; declare one with @app.handler('queue').")
    return served
