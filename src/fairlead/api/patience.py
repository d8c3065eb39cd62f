"""Patience: how long a connection is waited for that has begun something, or could, and does not go on.

uvicorn waits without end for the rest of a head, for the first one, and for a body that was answered before it was all
here; a few thousand such connections and nobody else gets one. Here all of a head has a bounded time from the answer
before it, and so has what is left of a body that is answered already, however slowly they come; a body that is still
wanted may take longer (what answers it has a time of its own, `api/time_limits.py`), but each piece follows the one
before within it. A connection that waits for us, for its answer or because we do not read on, is never ended.
"""

from __future__ import annotations

import math
from asyncio import TimerHandle
from typing import Final, TypeAlias

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.h11_impl import RequestResponseCycle as SlowerCycle
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

PATIENCE_SECONDS: Final = 20.0  # more than a request has, so that one whose body does not come is told so first

Connection: TypeAlias = HttpToolsProtocol | H11Protocol


class Patience:
    """That of one connection, which tells it what came and what was answered; one timer, set again when it is over."""

    def __init__(self, connection: Connection, *, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._due = math.inf
        self._timer: TimerHandle | None = None

    def begin(self) -> None:
        """Wait for the first request."""
        self._wait()
        self._timer = self._connection.loop.call_later(self._seconds, self._look)

    def heard(self) -> None:
        """Take notice of bytes, after the connection has taken them in."""
        last = self._last
        if last is not None and not last.response_complete:
            self._wait_for(last)

    def answered(self) -> None:
        """Wait for what comes next: the rest of the last request, if it is not all here, and another one."""
        self._wait_for(self._connection.cycle)

    def end(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    @property
    def _last(self) -> RequestResponseCycle | SlowerCycle | None:
        """The last request whose head came, which uvicorn has none of at first."""
        return self._connection.cycle

    def _wait_for(self, last: RequestResponseCycle | SlowerCycle) -> None:
        if last.more_body or last.response_complete:
            self._wait()
        else:
            self._due = math.inf

    def _wait(self) -> None:
        self._due = self._connection.loop.time() + self._seconds

    def _look(self) -> None:
        loop = self._connection.loop
        now = loop.time()
        if self._connection.flow.read_paused:
            self._due = now + self._seconds
        if self._due <= now:
            self._connection.transport.close()
        else:
            self._timer = loop.call_at(min(self._due, now + self._seconds), self._look)
