"""One client that listens, until it goes, reads nothing, loses its right to, or the server stops.

No transaction is open and no connection taken while a client is written to or waited for. Its credential is checked
again every second and before anything is told; what is on its way to a client that reads slowly is waited for half a
minute, and nothing else is made for it meanwhile. Nothing is told sooner than a second after what was told before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from fairlead.api.watches import Listener, News, Watches
from fairlead.errors import AccessError, NotFound, TemporaryError
from fairlead.services.access import Principal
from fairlead.wire.base import Sent
from fairlead.wire.events import QueueChanged, QueueRemoved

HEARTBEAT_SECONDS: Final = 15.0
_SLOWEST_SECONDS: Final = 30.0
_RETRY: Final = b"retry: 2000\n\n"  # milliseconds until a client that lost its stream asks for it again
_HEARTBEAT: Final = b": still there\n\n"
Check = Callable[[], Awaitable[Principal]]


class EventStream(StreamingResponse):
    """What a listener hears, as server-sent events; `check` returns who listens, or raises when they may no more."""

    media_type = "text/event-stream"

    def __init__(self, listener: Listener, watches: Watches, *, check: Check) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the latter for nginx
        super().__init__(_heard(listener, watches, check), headers=headers)
        self._forget = partial(watches.leave, listener)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the client until the end, and forget the listener then."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._forget()

    async def stream_response(self, send: Send) -> None:
        """Send what there is, as long as the client takes it."""

        async def in_time(message: Message) -> None:
            async with asyncio.timeout(_SLOWEST_SECONDS):
                await send(message)

        with suppress(TimeoutError):
            await super().stream_response(in_time)


async def _heard(listener: Listener, watches: Watches, check: Check) -> AsyncIterator[bytes]:
    """Yield what the client is sent."""
    yield _RETRY
    told_at = time.monotonic()
    while not watches.stopping.is_set():
        if (allowed := await _allowed(listener, check)) is False:
            return
        if allowed and listener.heard.is_set():
            for message in messages(listener.news()):
                yield message
            told_at = time.monotonic()
            await _until(watches.stopping, seconds=watches.look_seconds)
            continue
        if time.monotonic() - told_at >= HEARTBEAT_SECONDS:
            yield _HEARTBEAT
            told_at = time.monotonic()
        await _until(watches.stopping, listener.heard, seconds=watches.look_seconds)


async def _allowed(listener: Listener, check: Check) -> bool | None:
    """Tell whether the client may still listen, and to what; None: it cannot be told right now."""
    try:
        principal = await check()
    except (AccessError, NotFound):
        return False
    except TemporaryError:
        return None
    listener.restrict(principal.queue_ids)
    return True


async def _until(*events: asyncio.Event, seconds: float) -> None:
    """Wait for one of these events, or so long."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def messages(news: News) -> list[bytes]:
    """Write news as messages; only the last has the place, so that who did not get it goes on before all of them."""
    told = [_message("reset", b"{}")] if news.begins else []
    told += [_message("queue", _json(QueueChanged.model_validate(state))) for state in news.changed]
    told += [_message("queue_removed", _json(QueueRemoved(queue_id=queue_id))) for queue_id in news.removed]
    place = b"id: %b\n" % news.place.encode()
    return [*told[:-1], place + (told[-1] if told else b"\n")]


def _message(kind: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def _json(shape: Sent) -> bytes:
    return shape.model_dump_json(by_alias=True).encode()
