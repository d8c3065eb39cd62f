"""Changes of single items over HTTP, by whoever may manage them: update, delete, cancel, retry."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from fairlead.api.answers import changing, one, reading, versioned
from fairlead.api.deps import ItemId, ItemManager, TenantRoute
from fairlead.api.versions import Expected
from fairlead.api.wake_ups import announce_cancelled
from fairlead.errors import Conflict, NotFound, PreconditionFailed, QueueFull
from fairlead.queries.items import get_item
from fairlead.services.access import require_item
from fairlead.services.items import cancel_item, delete_item, retry_item, update_item, version_of_item
from fairlead.wire.items import CancelItem, ItemOut, UpdateItem
from fairlead.wire.page import Data

router = APIRouter(prefix="/items", tags=["items"], route_class=TenantRoute)
_ITEM: Final = "/{itemId}"


@router.patch(
    _ITEM,
    name="update_item",
    response_model=Data[ItemOut],
    responses=versioned(changing(NotFound, Conflict, PreconditionFailed)),
)
async def update(caller: ItemManager, item_id: ItemId, expected: Expected, body: UpdateItem) -> Response:
    """Change the fields given of an item that waits, all or none. Scope: `items:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await require_item(session, scope, principal=caller.principal, item_id=item_id)
        item = await update_item(session, scope, item_id=item_id, expected=expected, actor=caller.actor, **body.given)
    caller.resources.notifier.announce(item.queue_id)
    return one(item, ItemOut, version=version_of_item(item))


@router.delete(_ITEM, name="delete_item", status_code=204, responses=reading(NotFound, Conflict, PreconditionFailed))
async def delete(caller: ItemManager, item_id: ItemId, expected: Expected) -> Response:
    """Delete an item for good that waits or has ended. Scope: `items:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await require_item(session, scope, principal=caller.principal, item_id=item_id)
        await delete_item(session, scope, item_id=item_id, expected=expected, actor=caller.actor)
    return Response(status_code=204)


@router.post(
    _ITEM + "/cancel", name="cancel_item", response_model=Data[ItemOut], responses=changing(NotFound, Conflict)
)
async def cancel(caller: ItemManager, item_id: ItemId, body: CancelItem | None = None) -> Response:
    """Cancel an item; one that is worked on ends when its worker has stopped. Scope: `items:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await require_item(session, scope, principal=caller.principal, item_id=item_id)
        seconds = None if body is None else body.deadline_seconds
        cancelled = await cancel_item(session, scope, item_id=item_id, deadline_seconds=seconds, actor=caller.actor)
        item = await get_item(session, scope, item_id=item_id)
    announce_cancelled(caller.resources.notifier, [cancelled])
    return one(item, ItemOut)


@router.post(
    _ITEM + "/retry", name="retry_item", response_model=Data[ItemOut], responses=reading(NotFound, Conflict, QueueFull)
)
async def retry(caller: ItemManager, item_id: ItemId) -> Response:
    """Let an item that has ended be worked once more, from its first attempt on. Scope: `items:manage`."""
    async with caller.unit_of_work() as (session, scope):
        await require_item(session, scope, principal=caller.principal, item_id=item_id)
        await retry_item(session, scope, item_id=item_id, actor=caller.actor)
        item = await get_item(session, scope, item_id=item_id)
    caller.resources.notifier.announce(item.queue_id)
    return one(item, ItemOut)
