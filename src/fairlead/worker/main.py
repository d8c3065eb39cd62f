"""One worker process: composes fetch, runners, report and heartbeat, and stops them in the right order.

Draining (the first signal): claim nothing, give back what has not been started, let running handlers finish, report.
Letting go (the second signal, or the drain limit): stop the handlers and release their leases.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from fairlead.bootstrap import Resources
from fairlead.db.listen import listen
from fairlead.domain.ids import new_id
from fairlead.errors import HandlerInvalid
from fairlead.runtime.loop import Loop
from fairlead.worker.execute import abandoned, execute, stop_overdue
from fairlead.worker.fetch import Fetcher, FetchOptions
from fairlead.worker.heartbeat import Heartbeat
from fairlead.worker.held import Held, HeldItems
from fairlead.worker.outcome import Outcome, Released, failed
from fairlead.worker.registry import App
from fairlead.worker.report import Reporter

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How one worker works. `queues` empty means every queue that has a handler."""

    queues: Sequence[str] = ()
    concurrency: int = 10  # handlers that run at once
    poll_seconds: float = 1.0
    drain_seconds: float = 30.0  # how long running handlers get after the first signal
    worker_id: str = field(default_factory=new_id)


class Worker:
    """Runs an application's handlers on what its queues hold, until it is stopped."""

    def __init__(self, resources: Resources, app: App, *, options: WorkerOptions) -> None:
        self.options = replace(options, queues=_served(app, options.queues))
        self._resources = resources
        self._app = app
        self._held = HeldItems()
        self._buffer: deque[Held] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._loop = asyncio.get_running_loop()
        self._reporter = Reporter(resources.database, self._held, on_reported=self._reported)
        self._fetcher = Fetcher(
            resources.database,
            self._held,
            options=FetchOptions(options.worker_id, self.options.queues, options.concurrency, options.poll_seconds),
            start=self._take,
        )
        self._heartbeat = Heartbeat(
            replace(resources.database.options, pool_size=1), self._held, on_lost=self._lost_on_thread
        )
        self._runners: list[asyncio.Task[None]] = []
        self._listener: asyncio.Task[None] | None = None
        self._draining = False  # nothing new is begun
        self._letting_go = False  # nothing goes on
        self._running: set[Held] = set()
        self._watch = Loop("watch", self._watch_turn)

    @property
    def has_stubborn_handlers(self) -> bool:
        """Whether handlers still run that swallow every cancellation: the event loop could not end by itself."""
        return any(not runner.done() for runner in self._runners) and self._letting_go

    @property
    def is_idle(self) -> bool:
        """Whether the worker holds nothing."""
        return len(self._held) == 0

    async def start(self) -> None:
        """Begin to work."""
        self._heartbeat.start()
        self._watch.start()
        self._reporter.loop.start()
        self._runners = [
            asyncio.create_task(self._run(), name=f"runner-{number}") for number in range(self.options.concurrency)
        ]
        self._fetcher.loop.start()
        self._listener = asyncio.create_task(
            listen(self._resources.database.options, self._fetcher.loop.wake), name="listener"
        )
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
        self._fetcher.close()
        self._release_buffered()
        await self._fetcher.loop.stop()
        await self._runners_idle(let_go)
        await self._stop_runners()
        await self._watch.stop()
        await self._reported_or(let_go)
        await self._stop_rest()
        _log.info("worker_stopped", worker_id=self.options.worker_id, held=len(self._held))

    def _take(self, held: Held) -> None:
        if self._draining:  # its claim was under way
            self._reporter.add(Released(held))
            return
        self._buffer.append(held)
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _run(self) -> None:
        """One runner: takes the next item, works it, reports; until the worker lets go."""
        while not self._letting_go:
            held = await self._next()
            self._running.add(held)
            try:
                outcome = await execute(self._app, held)
            except asyncio.CancelledError:
                self._report_unless_abandoned(held, Released(held))
                raise
            except Exception:  # noqa: BLE001 - a defect of ours must cost neither the item nor the runner
                _log.exception("attempt_not_judged", item_id=held.claimed.id)
                outcome = failed(held, "The worker could not tell what the handler did.")
            finally:
                self._running.discard(held)
            if held.abandoned:
                return
            if outcome is None:
                self._held.drop(held)
                self._reported(0)
            else:
                self._reporter.add(outcome)

    async def _next(self) -> Held:
        while not self._buffer:
            waiter = self._loop.create_future()
            self._waiting.append(waiter)
            await waiter
        return self._buffer.popleft()

    async def _watch_turn(self) -> float:
        for held in stop_overdue(list(self._running)):
            self._abandon(held)
        return _WATCH_SECONDS

    def _abandon(self, held: Held) -> None:
        """Report for a handler that cannot be stopped, and put another runner in the place of its own."""
        outcome = abandoned(self._app, held)
        self._running.discard(held)
        if outcome is None:
            self._held.drop(held)
        else:
            self._reporter.add(outcome)
        self._runners.append(asyncio.create_task(self._run(), name="runner"))

    def _report_unless_abandoned(self, held: Held, outcome: Outcome) -> None:
        if not held.abandoned:
            self._reporter.add(outcome)

    def _reported(self, count: int) -> None:
        self._fetcher.reported(count)

    def _lost_on_thread(self, held: Held) -> None:
        with suppress(RuntimeError):  # the loop has just been closed
            self._loop.call_soon_threadsafe(self._lost, held)

    def _lost(self, held: Held) -> None:
        if self._held.holds(held) and not held.is_stopped():
            held.stop("lease lost")

    def _release_buffered(self) -> None:
        while self._buffer:
            self._reporter.add(Released(self._buffer.popleft()))

    async def _runners_idle(self, let_go: asyncio.Event) -> None:
        deadline = self._loop.time() + self.options.drain_seconds
        while self._running and not let_go.is_set() and self._loop.time() < deadline:
            with suppress(TimeoutError):
                await asyncio.wait_for(let_go.wait(), _DRAIN_LOOK_SECONDS)

    async def _stop_runners(self) -> None:
        """Cancel the runners, twice where a handler swallows it, and release what even then runs on."""
        self._letting_go = True
        left = set(self._runners)
        for _ in range(2):
            for runner in left:
                runner.cancel()
            if left:
                _, left = await asyncio.wait(left, timeout=_LET_GO_SECONDS)
        for held in self._running:
            self._reporter.add(Released(held))

    async def _reported_or(self, let_go: asyncio.Event) -> None:
        """Wait until everything is reported; when told to let go, for a moment only."""
        reported = asyncio.create_task(self._reporter.drained())
        impatient = asyncio.create_task(let_go.wait())
        limit = self.options.drain_seconds
        await asyncio.wait([reported, impatient], timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([reported], timeout=_LAST_REPORT_SECONDS)
        for task in (reported, impatient):
            task.cancel()

    async def _stop_rest(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        stopping = asyncio.create_task(self._reporter.loop.stop())
        await asyncio.wait([stopping], timeout=_LAST_REPORT_SECONDS)
        await asyncio.to_thread(self._heartbeat.stop)


_DRAIN_LOOK_SECONDS: Final = 0.05
_WATCH_SECONDS: Final = 0.1
_LET_GO_SECONDS: Final = 2.0  # how long a cancelled handler may take to clean up
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
