"""What SIGTERM and SIGINT mean: the first asks a process to finish what it holds, the second to let go at once.

The handlers are the event loop's, so nothing is interrupted in the middle; a third signal changes nothing more.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Two events: `drain` after the first signal, `release` after the second."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.release = asyncio.Event()

    def receive(self) -> None:
        """Count one signal."""
        if self.drain.is_set():
            self.release.set()
        self.drain.set()


@contextmanager
def stop_signals(on_first: Callable[[], None] = lambda: None) -> Iterator[StopSignals]:
    """Catch the stop signals while the block runs; `on_first` is called at the first one."""
    loop, stop = asyncio.get_running_loop(), StopSignals()

    def receive() -> None:
        first = not stop.drain.is_set()
        stop.receive()
        if first:
            on_first()

    for number in _SIGNALS:
        loop.add_signal_handler(number, receive)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
