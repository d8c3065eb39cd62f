"""Execute: one attempt at one item, as a sentence: resolve the handler, call it, judge what it did.

A handler is stopped by cancelling its runner's task, which happens for two reasons kept in `Held.stopped`: it ran out
of time (`stop_overdue`, a sweep, because a timer an item costs more than everything else here), or the item is not ours
any more: cancelled, or its lease lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final

import structlog

from fairlead.worker.held import CANCELS, Held
from fairlead.worker.outcome import Confirmed, Outcome, Stopped, failed, raised, returned
from fairlead.worker.registry import App, Handler

CANCELLED_ITSELF: Final = "The handler cancelled the task that it runs in."
_log = structlog.get_logger(__name__)


async def execute(app: App, held: Held, *, runner: asyncio.Task[Any] | None = None) -> Outcome | None:
    """Work one item and return the outcome to report; None when it is not ours any more and nothing is to be said.

    `runner` is the task this runs in, looked up when not given: that takes as long as a handler that does nothing.

    Whatever a handler raises becomes the item's error, SystemExit too; only the cancellation of the runner itself
    passes: whoever did that releases the item; when nobody did, the handler has cancelled its own task, and failed.
    """
    if held.is_stopped():
        return _stopped(held, None)
    handler = app.resolve(held.queue.name, held.claimed.task)
    if handler is None:
        return failed(held, f"This worker has no handler for the task {held.claimed.task!r}.")
    outcome = await _attempt(handler, held, runner or asyncio.current_task())
    return _stopped(held, handler) if held.is_stopped() else outcome


async def _attempt(handler: Handler, held: Held, task: asyncio.Task[Any] | None) -> Outcome | None:
    held.runner = task
    if handler.timeout_seconds is not None:
        held.ends = time.monotonic() + handler.timeout_seconds
    try:
        result = await handler.call(held.item)
        if time.monotonic() > held.ends:  # it blocked the event loop, so that nobody could stop it
            held.stopped = held.stopped or "out of time"
        return returned(held, result)
    except asyncio.CancelledError as error:
        if not held.is_stopped() and task is not None and task.cancelling():
            raise
        return raised(held, error, rules=handler)
    except BaseException as error:  # noqa: BLE001 - whatever a handler does becomes its item's error
        return raised(held, error, rules=handler)
    finally:
        held.runner = None
        for _ in range(held.cancels):
            if task is not None:
                task.uncancel()


def _stopped(held: Held, handler: Handler | None) -> Outcome | None:
    if held.stopped == "cancelled":
        _log.info("cancelled_while_running", item_id=held.claimed.id, queue=held.queue.name)
        return Stopped(held)
    if held.stopped == "lease lost":
        _log.warning("lease_lost", item_id=held.claimed.id, queue=held.queue.name, attempt=held.claimed.attempts)
        return None
    limit = handler.timeout_seconds if handler is not None else None
    overdue = failed(held, f"The handler did not finish within {limit:g} seconds.")
    return Confirmed(held, overdue) if held.is_finishing else overdue


def stop_overdue(running: Iterable[Held]) -> list[Held]:
    """Stop every handler that has run longer than it may, or longer than a stopped one may.

    Return those that have swallowed every cancellation they will get: they can only be abandoned.
    """
    now = time.monotonic()
    overdue = [held for held in running if held.ends <= now]
    for held in overdue:
        if held.cancels < CANCELS:
            held.stop("out of time")
    return [held for held in overdue if held.ends <= now]


def abandoned(app: App, held: Held) -> Outcome | None:
    """Give up on a handler that cannot be stopped: it may run on, and what it comes to is dropped.

    An item that is being cancelled is not given up: whoever runs it says when it has stopped, or its lease ends.
    """
    held.abandoned = True
    _log.warning("handler_abandoned", item_id=held.claimed.id, queue=held.queue.name)
    if held.stopped == "cancelled":
        return None
    return _stopped(held, app.resolve(held.queue.name, held.claimed.task))
