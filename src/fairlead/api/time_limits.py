"""How long a request may take: a bounded time for all of it, unless it is given more because it said so itself.

A body that does not come in that time is the client's fault (408); work that takes longer is given up (503), and rolled
back where it had not been committed. An answer that is sent piece by piece is sent outside of this time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.body import has_arrived
from fairlead.domain.limits import REQUEST_SECONDS
from fairlead.errors import Busy, RequestTimeout

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


def timed(handle: Handler) -> Handler:
    """Return the handler of a request with its time limit."""

    async def within_time(request: Request) -> Response:
        limit = asyncio.timeout(REQUEST_SECONDS)
        try:
            async with limit:
                request.state.time_limit = limit
                return await handle(request)
        except TimeoutError:
            if not limit.expired():
                raise
            raise _given_up(request) from None

    return within_time


def allow_seconds(request: Request, seconds: float) -> None:
    """Let a request take so many seconds from now on, in place of what is left to it."""
    limit: asyncio.Timeout | None = getattr(request.state, "time_limit", None)
    if limit is not None:
        limit.reschedule(asyncio.get_running_loop().time() + seconds)


def _given_up(request: Request) -> RequestTimeout | Busy:
    if not has_arrived(request):
        return RequestTimeout()
    return Busy("This took too long and was given up; unless a later look says otherwise, it was not done.")
