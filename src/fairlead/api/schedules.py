"""Schedules over HTTP: making, reading, changing, pausing and removing them, and running one at once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from fairlead.api.answers import answer, changing, creating, one, page_of, reading
from fairlead.api.deps import Caller, PageWindow, QueueManager, QueueReader, ScheduleId, Search, TenantRoute
from fairlead.api.once import Once
from fairlead.api.versions import Expected
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.limits import TICKS_SHOWN
from fairlead.errors import Conflict, NotFound, PreconditionFailed, QueueFull
from fairlead.queries.items import get_item
from fairlead.queries.schedules import get_next_ticks, get_schedule, get_schedule_page
from fairlead.rows import Schedule
from fairlead.services.schedules import (
    create_schedule,
    delete_schedule,
    pause_schedule,
    preview_ticks,
    resume_schedule,
    run_schedule,
    update_schedule,
)
from fairlead.wire.items import ItemOut
from fairlead.wire.page import Data, PageData
from fairlead.wire.schedules import NewSchedule, ScheduleOut, TicksAsked, UpdateSchedule

router = APIRouter(prefix="/schedules", tags=["schedules"], route_class=TenantRoute)
_SCHEDULE: Final = "/{scheduleId}"
_ONE: Final = Data[ScheduleOut]
_TICKS: Final = Data[list[datetime]]


@router.post("", name="create_schedule", status_code=201, response_model=_ONE, responses=creating(NotFound, Conflict))
async def create(once: Once, caller: QueueManager, body: NewSchedule) -> Response:
    """Make a schedule; its first tick is the first after now. Scope: `queues:manage`."""

    async def work(session: Session, scope: TenantScope) -> Response:
        made = await create_schedule(session, scope, actor=caller.actor, **dict(body))
        return one(made, ScheduleOut, status=201, location=caller.at(f"/schedules/{made.id}"))

    return await once.answer(caller, work, queue_id=body.queue_id)


@router.get("", name="list_schedules", response_model=PageData[ScheduleOut], responses=reading())
async def read_page(
    caller: QueueReader,
    window: PageWindow,
    *,
    search: Search = "",
    queue_id: Annotated[str | None, Query(alias="queueId")] = None,
    paused: bool | None = None,
    failing: bool | None = None,
) -> Response:
    """List schedules, newest first; `failing` ones could not enqueue what they owed last. Scope: `queues:read`."""
    async with caller.unit_of_work() as (session, scope):
        page = await get_schedule_page(
            session,
            scope,
            window=window,
            search=search,
            queue_id=queue_id,
            queue_ids=caller.principal.queue_ids,
            paused=paused,
            failing=failing,
        )
    return page_of(page, ScheduleOut)


@router.post("/preview", name="preview_ticks", response_model=_TICKS, responses=changing())
async def preview(caller: QueueReader, body: TicksAsked) -> Response:
    """Tell the next ticks of an expression; changes nothing. Scope: `queues:read`."""
    async with caller.unit_of_work() as (session, scope):
        ticks = await preview_ticks(session, scope, cron=body.cron, time_zone=body.time_zone, count=body.count)
    return answer(Data[list[datetime]](data=ticks))


@router.get(_SCHEDULE, name="read_schedule", response_model=_ONE, responses=reading(NotFound))
async def read_one(caller: QueueReader, schedule_id: ScheduleId) -> Response:
    """Read a schedule. Scope: `queues:read`."""
    async with caller.unit_of_work() as (session, scope):
        found = await _reachable(session, scope, caller, schedule_id)
    return one(found, ScheduleOut)


@router.patch(
    _SCHEDULE, name="update_schedule", response_model=_ONE, responses=changing(NotFound, Conflict, PreconditionFailed)
)
async def update(caller: QueueManager, schedule_id: ScheduleId, expected: Expected, body: UpdateSchedule) -> Response:
    """Change the fields given; another expression or time zone begins anew. Scope: `queues:manage`."""
    async with caller.unit_of_work(queue_id=body.given.get("queue_id")) as (session, scope):
        await _reachable(session, scope, caller, schedule_id)
        changed = await update_schedule(
            session, scope, schedule_id=schedule_id, expected=expected, actor=caller.actor, **body.given
        )
    return one(changed, ScheduleOut)


@router.delete(_SCHEDULE, name="delete_schedule", status_code=204, responses=reading(NotFound, PreconditionFailed))
async def delete(caller: QueueManager, schedule_id: ScheduleId, expected: Expected) -> Response:
    """Delete a schedule for good; the items it made stay. Scope: `queues:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await _reachable(session, scope, caller, schedule_id)
        await delete_schedule(session, scope, schedule_id=schedule_id, expected=expected, actor=caller.actor)
    return Response(status_code=204)


@router.post(_SCHEDULE + "/pause", name="pause_schedule", response_model=_ONE, responses=reading(NotFound))
async def pause(caller: QueueManager, schedule_id: ScheduleId) -> Response:
    """Let a schedule make no items until it is resumed. Scope: `queues:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await _reachable(session, scope, caller, schedule_id)
        changed = await pause_schedule(session, scope, schedule_id=schedule_id, actor=caller.actor)
    return one(changed, ScheduleOut)


@router.post(_SCHEDULE + "/resume", name="resume_schedule", response_model=_ONE, responses=reading(NotFound))
async def resume(caller: QueueManager, schedule_id: ScheduleId) -> Response:
    """Let a paused schedule go on with its first tick after now. Scope: `queues:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await _reachable(session, scope, caller, schedule_id)
        changed = await resume_schedule(session, scope, schedule_id=schedule_id, actor=caller.actor)
    return one(changed, ScheduleOut)


@router.post(
    _SCHEDULE + "/run",
    name="run_schedule",
    status_code=201,
    response_model=Data[ItemOut],
    responses=creating(NotFound, QueueFull, body=False),
)
async def run(once: Once, caller: QueueManager, schedule_id: ScheduleId) -> Response:
    """Enqueue a schedule's item at once, paused or not. Scope: `queues:manage`."""
    queue_id = ""

    async def work(session: Session, scope: TenantScope) -> Response:
        nonlocal queue_id
        queue_id = (await _reachable(session, scope, caller, schedule_id)).queue_id
        item_id = await run_schedule(session, scope, schedule_id=schedule_id, actor=caller.actor)
        item = await get_item(session, scope, item_id=item_id)
        return one(item, ItemOut, status=201, location=caller.at(f"/items/{item_id}"))

    answered = await once.answer(caller, work)
    if queue_id:
        caller.resources.notifier.announce(queue_id)
    return answered


@router.get(_SCHEDULE + "/ticks", name="list_ticks", response_model=_TICKS, responses=reading(NotFound))
async def read_ticks(
    caller: QueueReader, schedule_id: ScheduleId, count: Annotated[int, Query(ge=1, le=TICKS_SHOWN)] = 10
) -> Response:
    """Tell a schedule's next ticks, as if it were not paused. Scope: `queues:read`."""
    async with caller.unit_of_work() as (session, scope):
        await _reachable(session, scope, caller, schedule_id)
        ticks = await get_next_ticks(session, scope, schedule_id=schedule_id, count=count)
    return answer(Data[list[datetime]](data=ticks))


async def _reachable(session: Session, scope: TenantScope, caller: Caller, schedule_id: str) -> Schedule:
    """Return a schedule; raises NotFound for one of a queue that the caller's key is not for."""
    found = await get_schedule(session, scope, schedule_id=schedule_id)
    caller.scope(queue_id=found.queue_id)
    return found
