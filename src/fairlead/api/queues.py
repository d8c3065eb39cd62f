"""Queues over HTTP: making, reading, changing, pausing, emptying and removing them, all of it live."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from fairlead.api.answers import changing, creating, one, page_of, reading
from fairlead.api.deps import PageWindow, QueueId, QueueManager, QueueReader, Search, TenantRoute
from fairlead.api.once import Once
from fairlead.api.versions import Expected
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.errors import Conflict, Forbidden, NotFound, PreconditionFailed
from fairlead.queries.depths import get_depth
from fairlead.queries.queues import get_queue, get_queue_page
from fairlead.services.queues import (
    create_queue,
    delete_queue,
    pause_queue,
    purge_queue,
    restore_queue,
    resume_queue,
    soft_delete_queue,
    update_queue,
)
from fairlead.wire.page import Data, PageData
from fairlead.wire.queues import NewQueue, PauseQueue, Purged, QueueOut, QueueStats, UpdateQueue

router = APIRouter(prefix="/queues", tags=["queues"], route_class=TenantRoute)
_QUEUE: Final = "/{queueId}"
_ONE: Final = Data[QueueOut]


@router.post("", name="create_queue", status_code=201, response_model=_ONE, responses=creating(Conflict))
async def create(once: Once, caller: QueueManager, body: NewQueue) -> Response:
    """Make a queue. Scope: `queues:manage`, of a key that is for every queue."""
    if caller.principal.queue_ids is not None:
        raise Forbidden("This API key is for certain queues only; it cannot make others.")

    async def work(session: Session, scope: TenantScope) -> Response:
        made = await create_queue(session, scope, created_by=caller.principal.user_id, actor=caller.actor, **dict(body))
        return one(made, QueueOut, status=201, location=caller.at(f"/queues/{made.id}"))

    return await once.answer(caller, work)


@router.get("", name="list_queues", response_model=PageData[QueueOut], responses=reading())
async def read_page(
    caller: QueueReader,
    window: PageWindow,
    *,
    search: Search = "",
    paused: bool | None = None,
    deleted: Annotated[bool, Query(description="Whether the deleted ones, too.")] = False,
) -> Response:
    """List the queues this key is for, newest first. Scope: `queues:read`."""
    async with caller.unit_of_work() as (session, scope):
        page = await get_queue_page(
            session,
            scope,
            window=window,
            search=search,
            queue_ids=caller.principal.queue_ids,
            paused=paused,
            deleted=deleted,
        )
    return page_of(page, QueueOut)


@router.get(_QUEUE, name="read_queue", response_model=_ONE, responses=reading(NotFound))
async def read_one(caller: QueueReader, queue_id: QueueId) -> Response:
    """Read a queue. Scope: `queues:read`."""
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        queue = await get_queue(session, scope, queue_id=queue_id)
    return one(queue, QueueOut)


@router.patch(
    _QUEUE, name="update_queue", response_model=_ONE, responses=changing(NotFound, Conflict, PreconditionFailed)
)
async def update(caller: QueueManager, queue_id: QueueId, expected: Expected, body: UpdateQueue) -> Response:
    """Change the fields given; they hold from the next claim on. Scope: `queues:manage`."""
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        queue = await update_queue(
            session, scope, queue_id=queue_id, expected=expected, actor=caller.actor, **body.given
        )
    caller.resources.notifier.announce(queue_id)  # a limit may have been lifted
    return one(queue, QueueOut)


@router.delete(_QUEUE, name="delete_queue", status_code=204, responses=reading(NotFound, PreconditionFailed))
async def delete(
    caller: QueueManager,
    queue_id: QueueId,
    expected: Expected,
    *,
    permanently: Annotated[bool, Query(description="For good, deleted before or not, with all its items.")] = False,
) -> Response:
    """Delete a queue: it takes and gives nothing until it is restored. Scope: `queues:manage`."""
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        if permanently:
            await delete_queue(session, scope, queue_id=queue_id, expected=expected, actor=caller.actor)
        else:
            await soft_delete_queue(session, scope, queue_id=queue_id, expected=expected, actor=caller.actor)
    return Response(status_code=204)


@router.post(_QUEUE + "/restore", name="restore_queue", response_model=_ONE, responses=reading(NotFound, Conflict))
async def restore(caller: QueueManager, queue_id: QueueId) -> Response:
    """Bring a deleted queue back with its items. Scope: `queues:manage`."""
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        queue = await restore_queue(session, scope, queue_id=queue_id, actor=caller.actor)
    caller.resources.notifier.announce(queue_id)
    return one(queue, QueueOut)


@router.post(_QUEUE + "/pause", name="pause_queue", response_model=_ONE, responses=changing(NotFound))
async def pause(caller: QueueManager, queue_id: QueueId, body: PauseQueue | None = None) -> Response:
    """Let nothing be claimed until it is resumed, or an instant; it goes on taking items. Scope: `queues:manage`."""
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        until = None if body is None else body.resume_at
        queue = await pause_queue(session, scope, queue_id=queue_id, resume_at=until, actor=caller.actor)
    return one(queue, QueueOut)


@router.post(_QUEUE + "/resume", name="resume_queue", response_model=_ONE, responses=reading(NotFound))
async def resume(caller: QueueManager, queue_id: QueueId) -> Response:
    """Let a paused queue be worked again, at once. Scope: `queues:manage`."""
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        queue = await resume_queue(session, scope, queue_id=queue_id, actor=caller.actor)
    caller.resources.notifier.announce(queue_id)
    return one(queue, QueueOut)


@router.post(_QUEUE + "/purge", name="purge_queue", response_model=Data[Purged], responses=reading(NotFound))
async def purge(caller: QueueManager, queue_id: QueueId) -> Response:
    """Remove all items of a queue for good, those that are worked on, too. Scope: `queues:manage`."""
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        removed = await purge_queue(session, scope, queue_id=queue_id, actor=caller.actor)
    return one(Purged(items=removed), Purged)


@router.get(_QUEUE + "/stats", name="read_queue_stats", response_model=Data[QueueStats], responses=reading(NotFound))
async def read_stats(caller: QueueReader, queue_id: QueueId) -> Response:
    """Tell how many items there are in each status, and which has waited longest. Scope: `queues:read`."""
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        depth = await get_depth(session, scope, queue_id=queue_id)
    return one(depth, QueueStats)
