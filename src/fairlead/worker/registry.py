"""The application a worker runs: which handler works which queue. Importing it touches no database."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from fairlead.domain.names import name_problem
from fairlead.errors import HandlerInvalid
from fairlead.worker.context import Item

HandlerFunction: TypeAlias = Callable[[Item], Any]
BackoffFunction: TypeAlias = Callable[[int, BaseException], float]
_Function = TypeVar("_Function", bound=HandlerFunction)

DEFAULT_TIMEOUT_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that works items of one queue; `task` None takes every task without a handler of its own."""

    queue: str
    task: str | None
    call: Callable[[Item], Awaitable[Any]]
    timeout_seconds: float | None
    backoff: BackoffFunction | None = None
    give_up_on: tuple[type[BaseException], ...] = ()


class App:
    """Handlers by queue and task.

    >>> app = App()
    >>> @app.handler("emails")
    ... async def send(item: Item) -> None:
    ...     print("to", item.payload["to"])
    """

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str | None], Handler] = {}

    def handler(
        self,
        queue: str,
        *,
        task: str | None = None,
        timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
        backoff: BackoffFunction | None = None,
        give_up_on: tuple[type[BaseException], ...] = (),
    ) -> Callable[[_Function], _Function]:
        """Make a function, async or not, the handler of a queue (or of one task in it).

        It is called with an Item and may return any JSON value. An attempt that takes longer than `timeout_seconds`
        has failed; None means no limit. A function that is not async runs in a thread of its own.
        `backoff(attempt, error)` says how many seconds to wait after an attempt that raised, in place of the queue's
        back-off; after an error of a class in `give_up_on` there is no other attempt.
        Raises HandlerInvalid for a second handler of the same queue and task.
        """
        if not isinstance(queue, str):
            raise HandlerInvalid("Name the queue: write @app.handler('queue'), with parentheses.")
        if problem := name_problem(queue):
            raise HandlerInvalid(f"A queue's name {problem}: {queue!r}.")
        if task is not None and (problem := name_problem(task)):
            raise HandlerInvalid(f"A task's name {problem}: {task!r} of the queue {queue!r}.")
        if timeout_seconds is not None and not timeout_seconds > 0:
            raise HandlerInvalid(
                f"The handler of {queue!r} has timeout_seconds={timeout_seconds}; it must be positive."
            )
        if problem := _retry_problem(backoff, give_up_on):
            raise HandlerInvalid(f"The handler of {queue!r} has {problem}.")

        def register(function: _Function) -> _Function:
            if (queue, task) in self._handlers:
                raise HandlerInvalid(f"The queue {queue!r} has two handlers for task {task!r}.")
            call = function if _is_async(function) else in_thread(function)
            self._handlers[queue, task] = Handler(queue, task, call, timeout_seconds, backoff, give_up_on)
            return function

        return register

    @property
    def queues(self) -> list[str]:
        """The names of the queues that have a handler."""
        return sorted({queue for queue, _ in self._handlers})

    def resolve(self, queue: str, task: str | None) -> Handler | None:
        """Return the handler of a task in a queue: its own, else the queue's."""
        return self._handlers.get((queue, task)) or self._handlers.get((queue, None))


def _retry_problem(backoff: Any, give_up_on: Any) -> str | None:
    if backoff is not None and not callable(backoff):
        return f"backoff={backoff!r}; it must be a function of the attempt and the error"
    if not isinstance(give_up_on, tuple) or not all(
        isinstance(kind, type) and issubclass(kind, BaseException) for kind in give_up_on
    ):
        return f"give_up_on={give_up_on!r}; it must be a tuple of classes of errors"
    return None


def _is_async(function: HandlerFunction) -> bool:
    """Tell whether calling it gives something to await; an object with an async `__call__` does too."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def in_thread(function: HandlerFunction) -> Callable[[Item], Awaitable[Any]]:
    """Run a blocking function on a thread made for the call.

    Not a pool: a function that never returns would keep its place in a pool for ever, and a pool's threads keep a
    process from ending. What an abandoned thread returns later is dropped. When the item was cancelled the thread is
    waited for: nobody may take its place while it runs.
    """

    async def call(item: Item) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Answer] = loop.create_future()

        def run() -> None:
            try:
                answered = _Answer(function(item))
            except BaseException as error:  # noqa: BLE001 - whatever a handler does becomes its item's error
                answered = _Answer(error=error)
            with suppress(RuntimeError):  # the loop was closed; nobody waits any more
                loop.call_soon_threadsafe(_settle, answer, answered)

        threading.Thread(target=run, name=f"item-{item.id}", daemon=True).start()
        answered = await _answered(item, answer)
        if answered.error is not None:
            raise answered.error
        return answered.result

    return call


async def _answered(item: Item, answer: asyncio.Future[_Answer]) -> _Answer:
    while True:
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if not item.cancelled:
                raise


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a function on a thread did; a future's own exception cannot be SystemExit or StopIteration."""

    result: Any = None
    error: BaseException | None = None


def _settle(answer: asyncio.Future[_Answer], answered: _Answer) -> None:
    if not answer.done():
        answer.set_result(answered)
