"""Items over HTTP: putting them into queues and reading them."""

from __future__ import annotations

from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.answers import creating, one, reading, versioned
from fairlead.api.body import NDJSON
from fairlead.api.deps import Caller, ItemId, ItemReader, Producer, QueueId, TenantRoute
from fairlead.api.once import Once
from fairlead.api.slices import List, PartAsked, slice_of
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.item_status import ItemStatus
from fairlead.domain.limits import NAME_CHARACTERS, TAG_CHARACTERS
from fairlead.errors import Conflict, DatabaseUnavailable, NotFound, QueueFull, TemporaryError
from fairlead.queries.depths import get_depth
from fairlead.queries.items import Item, ItemFilters, get_item, get_item_slice
from fairlead.services.access import require_item
from fairlead.services.enqueuer import Enqueuer
from fairlead.services.entered_items import as_entered
from fairlead.services.item_batches import enqueue_batch
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items, version_of_item
from fairlead.services.shared_reads import SharedReads
from fairlead.wire.items import EnqueueBatch, Enqueued, EnqueueItem, ItemOut
from fairlead.wire.page import Data, SliceData
from fairlead.wire.values import DueTime

router = APIRouter(tags=["items"], route_class=TenantRoute)
OF_QUEUE: Final = "/queues/{queueId}/items"
_ITEM: Final = "/items/{itemId}"
_ONLY_PAYLOAD: Final = {"payload"}
_LINES: Final = {"requestBody": {"content": {NDJSON: {"schema": {"type": "string", "description": "An item a line."}}}}}


async def _filters(
    *,
    status: ItemStatus | None = None,
    task: Annotated[str | None, Query(max_length=NAME_CHARACTERS)] = None,
    tag: Annotated[str | None, Query(max_length=TAG_CHARACTERS)] = None,
    error: Annotated[str | None, Query(max_length=NAME_CHARACTERS, description="Part of the last error.")] = None,
    created_from: Annotated[DueTime | None, Query(alias="createdFrom")] = None,
    created_before: Annotated[DueTime | None, Query(alias="createdBefore")] = None,
) -> ItemFilters:
    given: ItemFilters = {
        "status": status,
        "task": task,
        "tag": tag,
        "error": error,
        "created_from": created_from,
        "created_before": created_before,
    }
    return cast("ItemFilters", {name: value for name, value in given.items() if value is not None})


Filters = Annotated[ItemFilters, Depends(_filters)]


@router.post(
    OF_QUEUE,
    name="enqueue_item",
    status_code=201,
    response_model=Data[ItemOut],
    responses=creating(NotFound, Conflict, QueueFull),
)
async def enqueue_one(request: Request, once: Once, caller: Producer, queue_id: QueueId, body: EnqueueItem) -> Response:
    """Enqueue one item; once this is answered, it is durable. Scope: `items:enqueue`."""
    if once.attempt is None:  # shares the insert of those that come at the same moment
        scope = caller.scope(queue_id=queue_id)
        enqueuer: Enqueuer = request.app.state.enqueuer
        given = given_item(body)
        put = await enqueuer.put(scope, queue_id=queue_id, item=given)
        known = put.entered and as_entered(put.id, given, queue_id=queue_id, entered=put.entered)
        return _made(caller, known or await _enqueued(request, scope, put.id))

    async def work(session: Session, scope: TenantScope) -> Response:
        [item_id] = await enqueue_items(session, scope, queue_id=queue_id, items=[given_item(body)])
        return _made(caller, await get_item(session, scope, item_id=item_id))

    answered = await once.answer(caller, work, queue_id=queue_id)
    caller.resources.notifier.announce(queue_id)
    return answered


@router.post(
    OF_QUEUE + "/batch",
    name="enqueue_items",
    status_code=201,
    response_model=Data[Enqueued],
    responses=creating(NotFound, Conflict, QueueFull),
    openapi_extra=_LINES,
)
async def enqueue_many(once: Once, caller: Producer, queue_id: QueueId, body: EnqueueBatch) -> Response:
    """Enqueue up to 1,000 items, all or none; the ids come in the order given. Scope: `items:enqueue`.

    As NDJSON, one item a line and none of them unique, it may be any number of them, up to 50 MiB.
    """
    given = [given_item(item) for item in body.items]

    async def work(session: Session, scope: TenantScope) -> Response:
        return _ids(await enqueue_items(session, scope, queue_id=queue_id, items=given))

    if once.attempt is None:
        scope = caller.scope(queue_id=queue_id)
        answered = _ids(await enqueue_batch(caller.resources.database, scope, queue_id=queue_id, items=given))
    else:
        answered = await once.answer(caller, work, queue_id=queue_id)
    caller.resources.notifier.announce(queue_id)
    return answered


@router.get(
    OF_QUEUE,
    name="list_items",
    response_model=SliceData[ItemOut],
    responses=reading(NotFound),
)
async def read_part(caller: ItemReader, queue_id: QueueId, asked: PartAsked, filters: Filters) -> Response:
    """List a queue's items, newest first, by page or by cursor. Scope: `items:read`.

    The total is kept by status and counts nothing; under any other filter it is null.
    """
    items = List(caller.resources.pepper, caller.principal.organization_id, f"items of {queue_id}", filters)
    after = asked.after(items)
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        part = await get_item_slice(session, scope, after=after, queue_id=queue_id, **filters)
        total = await _total(session, scope, queue_id, filters)
    return slice_of(part, ItemOut, asked=asked, of=items, total=total)


@router.get(_ITEM, name="read_item", response_model=Data[ItemOut], responses=versioned(reading(NotFound)))
async def read_one(caller: ItemReader, item_id: ItemId) -> Response:
    """Read an item, waiting or long finished. Scope: `items:read`."""
    async with caller.unit_of_work() as (session, scope):
        await require_item(session, scope, principal=caller.principal, item_id=item_id)
        item = await get_item(session, scope, item_id=item_id)
    return one(item, ItemOut, version=version_of_item(item))


async def _total(session: Session, scope: TenantScope, queue_id: str, filters: ItemFilters) -> int | None:
    """Return how many items a list has, from the counters; None where they do not tell."""
    if filters.keys() - {"status"}:
        return None
    return (await get_depth(session, scope, queue_id=queue_id)).count(filters.get("status"))


def _ids(ids: list[str]) -> Response:
    return one(Enqueued(ids=ids), Enqueued, status=201)


def _made(caller: Caller, item: Item) -> Response:
    return one(item, ItemOut, status=201, location=caller.at(f"/items/{item.id}"))


async def _enqueued(request: Request, scope: TenantScope, item_id: str) -> Item:
    """Return an item that was just enqueued; that it cannot be read must not be taken for its not being there."""
    reads: SharedReads = request.app.state.reads
    try:
        return await reads.item(scope, item_id=item_id)
    except TemporaryError as error:
        raise DatabaseUnavailable(
            f"Item {item_id} was enqueued, but cannot be read just now; do not send it again."
        ) from error


def given_item(body: EnqueueItem) -> ItemInput:
    """Return an item as services take it; one with a payload alone, as most are, costs a fraction of the others."""
    if body.model_fields_set == _ONLY_PAYLOAD:
        return ItemInput(body.payload)
    return ItemInput(
        payload=body.payload,
        task=body.task,
        priority=body.priority,
        max_attempts=body.max_attempts,
        scheduled_for=body.scheduled_for,
        delay_seconds=body.delay_seconds,
        tags=body.tags,
        ordering_key=body.ordering_key,
        unique_key=body.unique_key,
        unique_while=body.unique_while,
        unique_seconds=body.unique_seconds,
        on_conflict=body.on_conflict,
    )
