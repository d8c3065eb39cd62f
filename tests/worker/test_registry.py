from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from fairlead.errors import HandlerInvalid
from fairlead.worker.context import Item
from fairlead.worker.registry import App

ITEM = Item("i", "o", "q", "work", None, {}, 1, 3, 0, [], datetime.now(UTC), 1)


async def _async(_item: Item) -> str:
    return threading.current_thread().name


def _sync(_item: Item) -> str:
    return threading.current_thread().name


class _AsyncObject:
    async def __call__(self, _item: Item) -> str:
        return threading.current_thread().name


async def _called(function: Any) -> Any:
    app = App()
    app.handler("work")(function)
    handler = app.resolve("work", None)
    assert handler is not None
    return await handler.call(ITEM)


@pytest.mark.anyio
@pytest.mark.parametrize("function", [_async, _AsyncObject()], ids=["function", "object"])
async def test_async_handlers_run_on_the_event_loop(function: Any) -> None:
    """An async function, and an object that is called like one, runs on the worker's own thread."""
    assert await _called(function) == threading.current_thread().name


@pytest.mark.anyio
async def test_other_handlers_run_on_a_thread_of_their_own() -> None:
    """A function that is not async runs on a thread named after the item, so that it blocks nobody."""
    assert await _called(_sync) == "item-i"


@pytest.mark.anyio
@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_what_a_thread_raises_comes_back(error: BaseException) -> None:
    """Whatever a handler on a thread raises is raised where its answer is awaited, as the same object."""

    def fail(_item: Item) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        await _called(fail)
    assert raised.value is error


@pytest.mark.anyio
async def test_stop_iteration_on_a_thread_is_an_error() -> None:
    """StopIteration, which a future cannot carry, ends the attempt as a RuntimeError caused by it."""

    def fail(_item: Item) -> None:
        raise StopIteration

    with pytest.raises(RuntimeError) as raised:
        await _called(fail)
    assert isinstance(raised.value.__cause__, StopIteration)


def test_task_handlers_come_first() -> None:
    """A task's own handler takes its items; every other task, and items without one, get the queue's handler."""
    app = App()
    app.handler("work", task="special")(_async)
    app.handler("work")(_sync)
    special, general = app.resolve("work", "special"), app.resolve("work", None)

    assert special is not None
    assert special.task == "special"
    assert general is not None
    assert app.resolve("work", "other") is general


def test_a_task_without_handler_has_none() -> None:
    """Without a handler of the queue itself, an unknown task and an unknown queue have no handler."""
    app = App()
    app.handler("work", task="special")(_async)

    assert app.resolve("work", "other") is None
    assert app.resolve("work", None) is None
    assert app.resolve("elsewhere", "special") is None


def test_queues_are_named_once() -> None:
    """An application knows its queues in order, each once, however many tasks it handles there."""
    app = App()
    for queue, task in (("b", None), ("a", "x"), ("a", "y")):
        app.handler(queue, task=task)(_async)

    assert app.queues == ["a", "b"]


def test_a_handler_stays_what_it_was() -> None:
    """The decorator returns the function itself, so that it can be called and tested."""
    assert App().handler("work")(_sync) is _sync


@pytest.mark.parametrize("task", [None, "special"])
def test_two_handlers_are_refused(task: str | None) -> None:
    """A second handler of the same queue and task is refused in a sentence that names both."""
    app = App()
    app.handler("work", task=task)(_async)

    with pytest.raises(HandlerInvalid, match=f"'work' has two handlers for task {task!r}"):
        app.handler("work", task=task)(_sync)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00b", "a\nb", "\ud800"])
def test_impossible_names_are_refused(name: str) -> None:
    """A queue or task that could not exist in the database is refused when the handler is declared."""
    with pytest.raises(HandlerInvalid, match="A queue's name"):
        App().handler(name)
    with pytest.raises(HandlerInvalid, match="A task's name"):
        App().handler("work", task=name)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("-inf")])
def test_impossible_timeouts_are_refused(seconds: float) -> None:
    """A time limit has to be positive, or None for no limit."""
    with pytest.raises(HandlerInvalid, match="must be positive"):
        App().handler("work", timeout_seconds=seconds)
    App().handler("work", timeout_seconds=None)
