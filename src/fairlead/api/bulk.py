"""Changes of many items over HTTP: cancelled or retried by their ids or by a filter, which can be tried out before.

One request changes at most a thousand; as long as an answer says `more`, the same one again changes the next. Items
that cannot be changed so, that the caller's key is not for, or that are not here, are left out and not spoken of.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import changing, one
from fairlead.api.deps import Caller, ItemManager, TenantRoute
from fairlead.api.wake_ups import announce_cancelled
from fairlead.domain.limits import BATCH_ITEMS
from fairlead.errors import NotFound, QueueFull
from fairlead.queries.items import ItemFilters
from fairlead.services.chosen_items import Choice, cancel_chosen, count_to_cancel, count_to_retry, retry_chosen
from fairlead.wire.bulk import CancelItems, Cancelling, Changed, Count, ItemFilter, Preview, RetryItems
from fairlead.wire.page import Data

router = APIRouter(prefix="/items", tags=["items"], route_class=TenantRoute)
_COUNTED: Final = Data[Count]


@router.post("/cancel", name="cancel_items", response_model=Data[Cancelling], responses=changing(NotFound))
async def cancel(caller: ItemManager, body: CancelItems) -> Response:
    """Cancel those items of some ids, or of a filter, that wait or are worked on. Scope: `items:manage`."""
    choice = _choice(caller, body.filter, ids=body.ids, most=body.limit)
    async with caller.unit_of_work() as (session, scope):
        cancelled = await cancel_chosen(
            session, scope, choice=choice, deadline_seconds=body.deadline_seconds, actor=caller.actor
        )
    announce_cancelled(caller.resources.notifier, cancelled)
    stopping = [item.id for item in cancelled if not item.ended]
    more = choice.ids is None and len(cancelled) == choice.most
    return one(Cancelling(ids=[item.id for item in cancelled], more=more, stopping=stopping), Cancelling)


@router.post("/cancel/preview", name="preview_cancel_items", response_model=_COUNTED, responses=changing(NotFound))
async def preview_cancel(caller: ItemManager, body: Preview) -> Response:
    """Count what a filter would cancel now; changes nothing. Scope: `items:manage`."""
    async with caller.unit_of_work() as (session, scope):
        count = await count_to_cancel(session, scope, choice=_choice(caller, body.filter))
    return one(Count(count=count), Count)


@router.post("/retry", name="retry_items", response_model=Data[Changed], responses=changing(NotFound, QueueFull))
async def retry(caller: ItemManager, body: RetryItems) -> Response:
    """Retry those items of some ids, or of a filter, that have ended. Scope: `items:manage`."""
    choice = _choice(caller, body.filter, ids=body.ids, most=body.limit)
    async with caller.unit_of_work() as (session, scope):
        retried = await retry_chosen(session, scope, choice=choice, actor=caller.actor)
    for queue_id in {item.queue_id for item in retried}:
        caller.resources.notifier.announce(queue_id)
    more = choice.ids is None and len(retried) == choice.most
    return one(Changed(ids=[item.id for item in retried], more=more), Changed)


@router.post("/retry/preview", name="preview_retry_items", response_model=_COUNTED, responses=changing(NotFound))
async def preview_retry(caller: ItemManager, body: Preview) -> Response:
    """Count what a filter would retry now; changes nothing. Scope: `items:manage`."""
    async with caller.unit_of_work() as (session, scope):
        count = await count_to_retry(session, scope, choice=_choice(caller, body.filter))
    return one(Count(count=count), Count)


def _choice(
    caller: Caller, body: ItemFilter | None, *, ids: Collection[str] | None = None, most: int = BATCH_ITEMS
) -> Choice:
    """Return what was chosen; raises NotFound for a queue that the caller's key is not for."""
    reached = caller.principal.queue_ids
    if body is None:
        return Choice(ids, queue_ids=reached)
    caller.scope(queue_id=body.queue_id)
    filters: ItemFilters = {
        "task": body.task,
        "tag": body.tag,
        "error": body.error,
        "created_from": body.created_from,
        "created_before": body.created_before,
    }
    if body.status is not None:
        filters["status"] = body.status
    return Choice(queue_id=body.queue_id, filters=filters, most=most, queue_ids=reached)
