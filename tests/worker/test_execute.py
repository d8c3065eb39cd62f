from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.fixtures.organizations import Tenant
from tests.fixtures.waiting import until
from tests.fixtures.workers import finished, put, working
from tests.worker.test_outcome import UNSTORABLE

from fairlead import App, GiveUp, Item
from fairlead.db.session import Database
from fairlead.domain.limits import ERROR_CHARACTERS

pytestmark = pytest.mark.anyio

_DEEP = ValueError("x\x00y\ud800")
_LONG = ValueError("x" * 3 * ERROR_CHARACTERS)
_KINDS = pytest.mark.parametrize("kind", ["async", "sync"])
_EXITS = [
    SystemExit(3),
    KeyboardInterrupt(),
    asyncio.CancelledError(),
    GeneratorExit(),
    StopIteration(),
    RecursionError(),
]


def _handled(kind: str, function: Callable[[Item], Any]) -> App:
    """Return an application that handles 'work' with a function, as it is or made async."""
    app = App()

    async def on_loop(item: Item) -> Any:
        return function(item)

    app.handler("work")(on_loop if kind == "async" else function)
    return app


async def _worked(database: Database, owner: Tenant, app: App, *, max_attempts: int = 1) -> dict[str, Any]:
    """Let a worker finish one item and then a second, which shows that it lives on; return the first one's row."""
    app.handler("work", task="after")(_after)
    async with working(database, app, concurrency=1):
        (item_id,) = await put(database, owner, {"number": 1}, max_attempts=max_attempts)
        row = await finished(database, owner, item_id)
        (after,) = await put(database, owner, {}, task="after")
        assert (await finished(database, owner, after))["result"] == "alive"
    return row


async def _after(_item: Item) -> str:
    return "alive"


@_KINDS
@pytest.mark.parametrize("result", [None, 0, False, "", "tëxt", [], {}, [1, None, {"a": 1.5}], {"a": {"b": "c"}}])
async def test_results_are_stored(database: Database, ours: Tenant, kind: str, result: Any) -> None:
    """Whatever JSON value a handler returns is the item's result; the item is completed in one attempt."""
    row = await _worked(database, ours, _handled(kind, lambda _item: result))

    assert (row["status"], row["result"], row["attempts"], row["errors"]) == ("completed", result, 1, [])


@_KINDS
@pytest.mark.parametrize(("result", "reason"), UNSTORABLE.values(), ids=UNSTORABLE.keys())
async def test_unstorable_results_fail(database: Database, ours: Tenant, kind: str, result: Any, reason: str) -> None:
    """A result that cannot be stored fails the attempt with the reason, and the worker lives on."""
    row = await _worked(database, ours, _handled(kind, lambda _item: result))

    assert row["status"] == "failed"
    assert reason in row["error_message"]
    assert row["result"] is None


@_KINDS
async def test_errors_are_kept(database: Database, ours: Tenant, kind: str) -> None:
    """An error is kept with type, message and traceback, each attempt's in turn, and the item fails in the end."""

    def fail(item: Item) -> None:
        raise LookupError(f"attempt {item.attempt}")

    app = _handled(kind, fail)
    async with working(database, app, maintained=True):
        (item_id,) = await put(database, ours, {}, max_attempts=2)
        row = await finished(database, ours, item_id)

    assert row["status"] == "failed"
    assert [error["error"].splitlines()[0] for error in row["errors"]] == [
        "LookupError: attempt 1",
        "LookupError: attempt 2",
    ]
    assert "test_execute.py" in row["error_message"]
    assert "in fail" in row["error_message"]


@_KINDS
@pytest.mark.parametrize(("error", "kept"), [(_DEEP, "x\\0y\\ud800"), (_LONG, "xxx")], ids=["unstorable", "long"])
async def test_any_error_text_is_kept(
    database: Database, ours: Tenant, kind: str, error: ValueError, kept: str
) -> None:
    """An error's text is cut at 8 KiB and made storable; it never stands in the way of the report."""

    def fail(_item: Item) -> None:
        raise error

    row = await _worked(database, ours, _handled(kind, fail))

    assert row["status"] == "failed"
    assert row["error_message"].startswith(f"ValueError: {kept}")
    assert len(row["error_message"]) <= ERROR_CHARACTERS


@_KINDS
async def test_giving_up_fails_at_once(database: Database, ours: Tenant, kind: str) -> None:
    """GiveUp fails an item for good, however many attempts are left."""

    def give_up(_item: Item) -> None:
        raise GiveUp("nobody wants it any more")

    row = await _worked(database, ours, _handled(kind, give_up), max_attempts=5)

    assert (row["status"], row["attempts"]) == ("failed", 1)
    assert row["error_message"] == "nobody wants it any more"


@_KINDS
@pytest.mark.parametrize("error", _EXITS, ids=lambda error: type(error).__name__)
async def test_exits_fail_the_attempt_only(database: Database, ours: Tenant, kind: str, error: BaseException) -> None:
    """A handler that raises SystemExit, KeyboardInterrupt or CancelledError itself has failed; the worker lives on."""

    def leave(_item: Item) -> None:
        raise error

    row = await _worked(database, ours, _handled(kind, leave))

    assert row["status"] == "failed"
    assert type(error).__name__ in row["error_message"]


async def test_a_handler_that_cancels_its_own_task_has_failed(database: Database, ours: Tenant) -> None:
    """Each such attempt counts, and costs the worker no runner: others are worked as before."""
    app = App()

    @app.handler("work")
    async def leave(item: Item) -> None:
        if item.payload:
            return
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await anyio.lowlevel.checkpoint()

    async with working(database, app, maintained=True, concurrency=1):
        (item_id,) = await put(database, ours, {}, max_attempts=2)
        row = await finished(database, ours, item_id)
        (other,) = await put(database, ours, {"a": 1})
        assert (await finished(database, ours, other))["status"] == "completed"

    assert (row["status"], row["attempts"]) == ("failed", 2)
    assert row["error_message"] == "The handler cancelled the task that it runs in."


@_KINDS
async def test_endless_recursion_fails_the_attempt_only(database: Database, ours: Tenant, kind: str) -> None:
    """A handler that recurses without end has failed with a RecursionError."""

    def recurse(item: Item) -> None:
        recurse(item)

    row = await _worked(database, ours, _handled(kind, recurse))

    assert row["error_message"].startswith("RecursionError: ")


@_KINDS
async def test_payloads_may_be_changed(database: Database, ours: Tenant, kind: str) -> None:
    """What a handler does to its item's fields stays with it: the stored payload is untouched."""

    def change(item: Item) -> None:
        item.payload.clear()
        item.payload["bad"] = object()
        item.tags.append("\x00")
        item.id = item.queue = "other"

    row = await _worked(database, ours, _handled(kind, change))

    assert (row["status"], row["payload"], row["tags"]) == ("completed", {"number": 1}, [])


async def test_unknown_tasks_fail_by_name(database: Database, ours: Tenant) -> None:
    """An item whose task has no handler here fails its attempt in a sentence that names the task."""
    app = App()
    app.handler("work", task="known")(_after)
    async with working(database, app):
        (item_id,) = await put(database, ours, {}, task="missing", max_attempts=1)
        row = await finished(database, ours, item_id)

    assert row["status"] == "failed"
    assert row["error_message"] == "This worker has no handler for the task 'missing'."


async def test_hanging_handlers_are_cancelled(database: Database, ours: Tenant) -> None:
    """An async handler that runs too long is cancelled, may clean up, and has failed with the limit in the reason."""
    cleaned: list[str] = []
    app = App()

    @app.handler("work", timeout_seconds=0.2)
    async def hang(item: Item) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cleaned.append(item.id)

    row = await _worked(database, ours, app)

    assert row["error_message"] == "The handler did not finish within 0.2 seconds."
    assert cleaned == [row["id"]]


async def test_hanging_threads_are_abandoned(database: Database, ours: Tenant) -> None:
    """A handler on a thread that runs too long is left behind: its slot is free again and its answer is dropped."""
    go_on, returned = threading.Event(), threading.Event()
    app = App()

    @app.handler("work", timeout_seconds=0.2)
    def hang(_item: Item) -> str:
        go_on.wait(10)
        returned.set()
        return "too late"

    row = await _worked(database, ours, app)
    go_on.set()
    await asyncio.to_thread(returned.wait, 10)

    assert row["error_message"] == "The handler did not finish within 0.2 seconds."
    assert row["status"] == "failed"
    assert (await finished(database, ours, row["id"]))["result"] is None


@pytest.mark.parametrize("afterwards", ["returns", "hangs on", "raises"])
async def test_swallowed_cancellations_do_not_keep_the_slot(
    database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch, afterwards: str
) -> None:
    """An async handler that swallows its cancellation has failed all the same, and is cancelled again if it hangs."""
    monkeypatch.setattr("fairlead.worker.held.STOP_AGAIN_SECONDS", 0.2)
    app = App()

    @app.handler("work", timeout_seconds=0.1)
    async def stubborn(_item: Item) -> str:
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            if afterwards == "raises":
                raise ValueError("in between") from None
        if afterwards == "hangs on":
            await anyio.sleep_forever()
        return "done after all"

    row = await _worked(database, ours, app)

    assert row["status"] == "failed"
    assert row["error_message"] == "The handler did not finish within 0.1 seconds."


async def test_a_handler_that_cannot_be_stopped_is_abandoned(
    database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that swallows every cancellation has failed, and its place in the worker is filled again."""
    monkeypatch.setattr("fairlead.worker.held.STOP_AGAIN_SECONDS", 0.1)
    app, released = App(), asyncio.Event()

    @app.handler("work", timeout_seconds=0.1)
    async def unstoppable(_item: Item) -> str:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue
        return "much too late"

    try:
        row = await _worked(database, ours, app)
    finally:
        released.set()  # or the loop that it runs on will never end

    assert (row["status"], row["result"]) == ("failed", None)
    assert row["error_message"] == "The handler did not finish within 0.1 seconds."


async def test_blocking_the_loop_does_not_outlast_the_limit(database: Database, ours: Tenant) -> None:
    """An async handler that blocks the event loop beyond its limit cannot be stopped, but it has failed."""
    app = App()

    @app.handler("work", timeout_seconds=0.1)
    async def blocking(_item: Item) -> str:
        threading.Event().wait(0.3)
        return "too late"

    row = await _worked(database, ours, app)

    assert row["error_message"] == "The handler did not finish within 0.1 seconds."


class _Unspeakable(Exception):
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise SystemExit(3)

    def __str__(self) -> str:
        raise SystemExit(3)


_MISBEHAVING: dict[str, Callable[[], Exception]] = {
    "given an error": lambda: GiveUp(ValueError("no")),  # type: ignore[arg-type]  # as people do
    "given an object": lambda: GiveUp({"a": 1}),  # type: ignore[arg-type]  # as people do
    "unspeakable": _Unspeakable,
}


@pytest.mark.parametrize("kind", _MISBEHAVING)
async def test_errors_that_misbehave_cost_no_runner(database: Database, ours: Tenant, kind: str) -> None:
    """An error given something else than a text, or one that raises when looked at, fails its item and nothing else."""
    app = App()

    @app.handler("work")
    async def misbehaving(_item: Item) -> None:
        misbehaving_error = _MISBEHAVING[kind]()
        raise misbehaving_error

    row = await _worked(database, ours, app)

    assert row["status"] == "failed"
    assert row["error_message"]


async def test_no_limit_means_none(database: Database, ours: Tenant) -> None:
    """A handler without a time limit is left alone by the watch that stops the others."""
    app = App()
    seen = asyncio.Event()

    @app.handler("work", timeout_seconds=None)
    async def slow(_item: Item) -> str:
        await seen.wait()
        return "in its own time"

    @app.handler("work", task="limited", timeout_seconds=0.1)
    async def limited(_item: Item) -> None:
        await anyio.sleep_forever()

    async with working(database, app, concurrency=2):
        (unlimited,) = await put(database, ours, {})
        (overdue,) = await put(database, ours, {}, task="limited", max_attempts=1)
        assert (await finished(database, ours, overdue))["status"] == "failed"
        seen.set()
        assert (await finished(database, ours, unlimited))["result"] == "in its own time"


async def test_an_items_facts_reach_its_handler(database: Database, ours: Tenant) -> None:
    """A handler sees its item as it is stored: ids, queue, task, payload, attempt, priority, tags and fence."""
    seen: list[Item] = []
    app = App()

    @app.handler("work")
    async def look(item: Item) -> None:
        seen.append(item)

    async with working(database, app):
        (item_id,) = await put(database, ours, {"a": 1}, task="any", priority=7, max_attempts=4, tags=["x", "y"])

        async def looked() -> bool:
            return bool(seen)

        await until(looked, what="the handler is called")
    (item,) = seen

    assert (item.id, item.organization_id, item.queue_id) == (item_id, ours.organization_id, ours.queue_id)
    assert (item.queue, item.task, item.payload, item.priority) == ("work", "any", {"a": 1}, 7)
    assert (item.attempt, item.max_attempts, item.lease, item.tags) == (1, 4, 1, ["x", "y"])
    assert not item.lease_lost
