"""Queues over HTTP."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import changing, one, page_of, reading
from fairlead.api.deps import PageWindow, QueueId, QueueManager, QueueReader, Search, TenantRoute
from fairlead.domain.retry import Backoff
from fairlead.errors import Conflict, Forbidden, NotFound, ValidationFailed
from fairlead.queries.queues import get_queue, get_queue_page
from fairlead.services.queues import create_queue
from fairlead.wire.page import Data, PageData
from fairlead.wire.queues import NewQueue, QueueOut

router = APIRouter(prefix="/queues", tags=["queues"], route_class=TenantRoute)
_QUEUE: Final = "/{queueId}"


@router.post("", name="create_queue", status_code=201, response_model=Data[QueueOut], responses=changing(Conflict))
async def create(caller: QueueManager, body: NewQueue) -> Response:
    """Make a queue. Scope: `queues:manage`, of a key that is for every queue."""
    if caller.principal.queue_ids is not None:
        raise Forbidden("This API key is for certain queues only; it cannot make others.")
    async with caller.unit_of_work() as (session, scope):
        made = await create_queue(
            session,
            scope,
            name=body.name,
            description=body.description,
            max_concurrency=body.max_concurrency,
            max_attempts=body.max_attempts,
            lease_seconds=body.lease_seconds,
            backoff=_backoff(body),
            created_by=caller.principal.user_id,
            actor=caller.actor,
        )
    return one(made, QueueOut, status=201, location=caller.at(f"/queues/{made.id}"))


@router.get("", name="list_queues", response_model=PageData[QueueOut], responses=reading(ValidationFailed))
async def read_page(caller: QueueReader, window: PageWindow, search: Search = "") -> Response:
    """List the queues this key is for, newest first. Scope: `queues:read`."""
    async with caller.unit_of_work() as (session, scope):
        page = await get_queue_page(session, scope, window=window, search=search, queue_ids=caller.principal.queue_ids)
    return page_of(page, QueueOut)


@router.get(_QUEUE, name="read_queue", response_model=Data[QueueOut], responses=reading(NotFound))
async def read_one(caller: QueueReader, queue_id: QueueId) -> Response:
    """Read a queue. Scope: `queues:read`."""
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        queue = await get_queue(session, scope, queue_id=queue_id)
    return one(queue, QueueOut)


def _backoff(body: NewQueue) -> Backoff:
    return Backoff(
        policy=body.backoff_policy,
        base_seconds=body.backoff_base_seconds,
        factor=body.backoff_factor,
        cap_seconds=body.backoff_cap_seconds,
        jitter=body.backoff_jitter,
        delays=tuple(body.backoff_delays),
    )
