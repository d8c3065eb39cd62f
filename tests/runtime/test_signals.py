from __future__ import annotations

import asyncio
import os
import signal

import anyio.lowlevel
import pytest

from fairlead.runtime.signals import StopSignals, stop_signals

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_two_signals(number: signal.Signals) -> None:
    """The first signal asks to drain and is told to the caller, the second to let go; more change nothing."""
    told: list[bool] = []
    with stop_signals(lambda: told.append(True)) as stop:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.drain.wait(), 5)
        assert not stop.release.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.release.wait(), 5)
        os.kill(os.getpid(), number)
        await anyio.lowlevel.checkpoint()

    assert told == [True]


async def test_different_signals_count_together() -> None:
    """Ctrl-C after SIGTERM is a second signal."""
    with stop_signals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.drain.wait(), 5)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(stop.release.wait(), 5)


async def test_handlers_are_given_back() -> None:
    """After the block Ctrl-C means what it meant before, even when the block failed."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="inside"), stop_signals():
        raise ValueError("inside")

    assert signal.getsignal(signal.SIGINT) in {before, signal.default_int_handler}


def test_receiving() -> None:
    """Signals are counted: nothing, drain, drain and release."""
    stop = StopSignals()
    seen = [(stop.drain.is_set(), stop.release.is_set())]
    for _ in range(2):
        stop.receive()
        seen.append((stop.drain.is_set(), stop.release.is_set()))

    assert seen == [(False, False), (True, False), (True, True)]
