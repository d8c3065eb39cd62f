"""Events over HTTP: how the queues of an organization change, as it happens."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.answers import Responses, reading
from fairlead.api.deps import QueueReader, TenantRoute
from fairlead.api.event_stream import EventStream
from fairlead.api.watches import Watches
from fairlead.errors import TooManyStreams
from fairlead.services.access import Principal

router = APIRouter(prefix="/events", tags=["events"], route_class=TenantRoute)
_EXAMPLE: Final = """\
retry: 2000

event: reset
data: {}

id: 8121-9f86d081884c7d65
event: queue
data: {"queueId":"k3f9x2m7q1w8e5r4t6y0u2i9","name":"thumbnails","pausedAt":null,"resumeAt":null,\
"updatedAt":"2026-11-26T02:00:00Z","waiting":3,"processing":1,"completed":20,"failed":0,"cancelled":0}

"""
_DATA: Final = "The data of `queue` is a `QueueChanged`, that of `queue_removed` a `QueueRemoved`, of `reset` `{}`."
_STREAM: Final[dict[str, Any]] = {
    "description": "Server-sent events, without end.",
    "content": {"text/event-stream": {"schema": {"type": "string", "description": _DATA}, "example": _EXAMPLE}},
}
_RESPONSES: Final[Responses] = {200: _STREAM, **reading(TooManyStreams)}
LastEventId = Annotated[
    str,
    Header(
        alias="Last-Event-ID",
        description="The last `id` that was received: go on from there. With one that is not ours it begins anew.",
    ),
]


@router.get("", name="read_events", response_class=Response, responses=_RESPONSES)
async def listen(request: Request, caller: QueueReader, last_event_id: LastEventId = "") -> Response:
    """Listen to how the queues this key is for change, at most one message a queue a second. Scope: `queues:read`.

    `queue` tells how a queue is now, `queue_removed` that there is one less; `reset`: forget what was told before, all
    queues follow. After `Last-Event-ID` whatever changed since is told, and some queues that did not may be, too. The
    stream ends with the right to read it.
    """
    watches: Watches = request.app.state.watches
    queue_ids = caller.principal.queue_ids
    listener = await watches.listen(caller.scope(), queue_ids=queue_ids, place=last_event_id)

    async def check() -> Principal:
        return (await caller.again(request)).principal

    return EventStream(listener, watches, check=check)
