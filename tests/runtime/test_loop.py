from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import anyio.lowlevel
import pytest
from structlog.testing import capture_logs

from fairlead.errors import Busy, DatabaseUnavailable
from fairlead.runtime.loop import LONGEST_WAIT_SECONDS, Backoff, Loop

pytestmark = pytest.mark.anyio


class Turns:
    """A loop whose turns do what the test says next, and count."""

    def __init__(self) -> None:
        self.taken = 0
        self.does: list[float | Exception] = []
        self.then: float = 60.0
        self._changed = asyncio.Event()
        self.loop = Loop("test", self._turn)

    async def _turn(self) -> float:
        self.taken += 1
        self._changed.set()
        step = self.does.pop(0) if self.does else self.then
        if isinstance(step, Exception):
            raise step
        return step

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when a condition holds after some turn."""
        async with asyncio.timeout(5):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def turns() -> AsyncIterator[Turns]:
    """A loop that waits a minute after each turn, unless told otherwise."""
    made = Turns()
    yield made
    await made.loop.stop()


async def _stopped(loop: Loop) -> float:
    """Stop a loop; return how long that took."""
    began = time.monotonic()
    await asyncio.wait_for(loop.stop(), 5)
    return time.monotonic() - began


async def test_a_loop_takes_turns(turns: Turns) -> None:
    """A turn that asks for no wait is followed by another at once, and after the first the loop is ready."""
    turns.does = [0, 0, 0]
    assert not turns.loop.ready.is_set()
    turns.loop.start()
    await turns.until(lambda: turns.taken == 4)

    assert turns.loop.ready.is_set()


async def test_starting_twice_is_starting_once(turns: Turns) -> None:
    """A second start changes nothing: turns are never taken side by side."""
    turns.loop.start()
    turns.loop.start()
    await turns.loop.ready.wait()
    turns.loop.wake()
    await turns.until(lambda: turns.taken == 2)


async def test_stopping_twice(turns: Turns) -> None:
    """A loop may be stopped twice, and at the same time by two."""
    turns.loop.start()
    await turns.loop.ready.wait()
    await asyncio.gather(turns.loop.stop(), turns.loop.stop())
    await turns.loop.stop()

    assert turns.taken == 1


async def test_stopping_before_the_start(turns: Turns) -> None:
    """A loop that was stopped before it started never takes a turn."""
    await turns.loop.stop()
    turns.loop.start()
    await anyio.lowlevel.checkpoint()

    assert turns.taken == 0


async def test_stopping_right_after_the_start(turns: Turns) -> None:
    """A loop that is stopped before its task ran takes no turn."""
    turns.loop.start()
    await turns.loop.stop()

    assert turns.taken == 0


async def test_stopping_ends_a_wait(turns: Turns) -> None:
    """A stop does not wait for the next turn's time."""
    turns.loop.start()
    await turns.loop.ready.wait()

    assert await _stopped(turns.loop) < 1


async def test_stopping_ends_a_back_off(turns: Turns) -> None:
    """A stop does not wait for a back-off either."""
    turns.does = [DatabaseUnavailable() for _ in range(50)]
    turns.loop.start()
    await turns.until(lambda: turns.taken == 4)

    assert await _stopped(turns.loop) < 0.3


async def test_the_turn_under_way_is_finished() -> None:
    """A stop lets the turn that is under way finish."""
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), []

    async def turn() -> float:
        begun.set()
        await go_on.wait()
        ended.append(True)
        return 0

    loop = Loop("test", turn)
    loop.start()
    await begun.wait()
    stopping = asyncio.ensure_future(loop.stop())
    await anyio.lowlevel.checkpoint()
    assert not stopping.done()
    go_on.set()
    await asyncio.wait_for(stopping, 5)

    assert ended == [True]


async def test_waking_ends_a_wait(turns: Turns) -> None:
    """A wake-up brings the next turn at once; several during one wait bring one."""
    turns.loop.start()
    await turns.loop.ready.wait()
    turns.loop.wake()
    turns.loop.wake()
    await turns.until(lambda: turns.taken == 2)
    await anyio.lowlevel.checkpoint()

    assert turns.taken == 2


async def test_a_wake_up_during_a_turn_is_not_lost() -> None:
    """A wake-up that comes while a turn is under way brings another turn after it."""
    taken = []
    loop: Loop

    async def turn() -> float:
        taken.append(True)
        if len(taken) == 1:
            loop.wake()
        else:
            second.set()
        return 60

    second = asyncio.Event()
    loop = Loop("test", turn)
    loop.start()
    await asyncio.wait_for(second.wait(), 5)
    await loop.stop()


async def test_temporary_errors_back_off(turns: Turns) -> None:
    """Temporary errors are tried again after growing waits, said once when they begin and once when they are over."""
    turns.does = [DatabaseUnavailable(), Busy(), DatabaseUnavailable()]
    began = time.monotonic()
    with capture_logs() as logs:
        turns.loop.start()
        await turns.until(lambda: turns.taken == 4)
        await turns.loop.ready.wait()

    assert time.monotonic() - began >= 0.05 + 0.1 + 0.2
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("loop_interrupted", "warning"),
        ("loop_resumed", "info"),
    ]
    assert (logs[0]["loop"], logs[0]["code"]) == ("test", "DATABASE_UNAVAILABLE")


async def test_a_wake_up_does_not_shorten_a_back_off(turns: Turns) -> None:
    """While the database is away, wake-ups do not make a loop hurry."""
    turns.does = [DatabaseUnavailable() for _ in range(50)]
    turns.loop.start()
    await turns.until(lambda: turns.taken == 1)
    turns.loop.wake()
    began = time.monotonic()
    await turns.until(lambda: turns.taken == 3)

    assert time.monotonic() - began >= 0.1


async def test_a_defect_does_not_end_a_loop(turns: Turns) -> None:
    """Any other error is logged whole, and the loop goes on."""
    turns.does = [ValueError("a defect")]
    with capture_logs() as logs:
        turns.loop.start()
        await turns.until(lambda: turns.taken == 2)

    assert [(line["event"], line["log_level"], line["exc_info"]) for line in logs[:1]] == [
        ("loop_failed", "error", True)
    ]


@pytest.mark.parametrize("longest", [LONGEST_WAIT_SECONDS, 1.0])
def test_the_back_off_grows_to_its_bound(longest: float) -> None:
    """Waits double, jittered between half and all, up to the longest, and begin anew after a reset."""
    backoff = Backoff(longest_seconds=longest)
    bounds = [min(0.1 * 2**number, longest) for number in range(10)]
    fresh = [backoff.is_fresh]
    for bound in bounds:
        assert bound / 2 <= backoff.next_wait() <= bound
        fresh.append(backoff.is_fresh)
    backoff.reset()

    assert fresh == [True] + [False] * 10
    assert backoff.is_fresh
    assert backoff.next_wait() <= 0.1
