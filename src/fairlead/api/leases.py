"""Leases over HTTP: claiming items and reporting what became of them.

A claim may wait for items. It holds no transaction and no connection while it does, and ends when the client goes. An
outcome of an item that is being cancelled is answered with ITEM_CANCELLED, and says that the work on it has stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from operator import attrgetter
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.answers import changing, one
from fairlead.api.deps import Caller, Consumer, ItemId, QueueId, TenantRoute
from fairlead.api.time_limits import allow_seconds
from fairlead.api.wakings import Waiter, Wakings
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.limits import REQUEST_SECONDS
from fairlead.errors import ItemCancelled, LeaseLost, NotFound
from fairlead.queries.items import Item
from fairlead.services.access import require_item
from fairlead.services.lease_batches import release_items
from fairlead.services.leases import (
    HeldItem,
    claim_items,
    complete_item,
    end_cancelled_item,
    fail_item,
    release_item,
    renew_item,
    snooze_item,
)
from fairlead.wire.held_items import held_items
from fairlead.wire.items import HeldItemOut, ItemOut
from fairlead.wire.leases import ClaimItems, CompleteItem, FailItem, ReleaseItem, RenewItem, SnoozeItem
from fairlead.wire.page import Data

router = APIRouter(tags=["leases"], route_class=TenantRoute)
_CLAIM: Final = "/queues/{queueId}/claim"
_ITEM: Final = "/items/{itemId}"
_FIELDS: Final = tuple(ItemOut.model_fields)
_VALUES: Final = attrgetter(*_FIELDS)
_OUTCOME = changing(NotFound, LeaseLost, ItemCancelled)


@router.post(_CLAIM, name="claim_items", response_model=Data[list[HeldItemOut]], responses=changing(NotFound))
async def claim(request: Request, caller: Consumer, queue_id: QueueId, body: ClaimItems) -> Response:
    """Claim up to `limit` items, waiting up to `waitSeconds` for the first. Scope: `items:claim`."""
    if body.wait_seconds:
        allow_seconds(request, body.wait_seconds + REQUEST_SECONDS)
        held = await _awaited(request, caller, queue_id, body=body)
    else:
        held = await _claimed(caller, queue_id, body=body)
    return Response(held_items(held), media_type="application/json")


@router.post(_ITEM + "/renew", name="renew_item", response_model=Data[HeldItemOut], responses=_OUTCOME)
async def renew(caller: Consumer, item_id: ItemId, body: RenewItem) -> Response:
    """Extend a lease, never shorten it. `ITEM_CANCELLED`: stop, then report any outcome. Scope: `items:claim`."""
    async with caller.unit_of_work() as (session, scope):
        await require_item(session, scope, principal=caller.principal, item_id=item_id)
        held = await renew_item(
            session,
            scope,
            item_id=item_id,
            lease=body.lease,
            lease_seconds=body.lease_seconds,
            progress=body.progress,
        )
    return one(_held(held), HeldItemOut)


@router.post(_ITEM + "/complete", name="complete_item", response_model=Data[ItemOut], responses=_OUTCOME)
async def complete(caller: Consumer, item_id: ItemId, body: CompleteItem) -> Response:
    """Report success; repeating an accepted report answers the same. Scope: `items:claim`."""
    async with _reported(caller, item_id, lease=body.lease) as (session, scope):
        item = await complete_item(session, scope, item_id=item_id, lease=body.lease, result=body.result)
    _tell(caller, item)
    return one(item, ItemOut)


@router.post(_ITEM + "/fail", name="fail_item", response_model=Data[ItemOut], responses=_OUTCOME)
async def fail(caller: Consumer, item_id: ItemId, body: FailItem) -> Response:
    """Report that the attempt failed; the item waits for its next one or has failed. Scope: `items:claim`."""
    async with _reported(caller, item_id, lease=body.lease) as (session, scope):
        item = await fail_item(
            session,
            scope,
            item_id=item_id,
            lease=body.lease,
            error=body.error,
            retry=body.retry,
            delay_seconds=body.delay_seconds,
        )
    _tell(caller, item)
    return one(item, ItemOut)


@router.post(_ITEM + "/release", name="release_item", response_model=Data[ItemOut], responses=_OUTCOME)
async def release(caller: Consumer, item_id: ItemId, body: ReleaseItem) -> Response:
    """Give an item back that was not worked on. Scope: `items:claim`."""
    async with _reported(caller, item_id, lease=body.lease) as (session, scope):
        item = await release_item(session, scope, item_id=item_id, lease=body.lease)
    caller.resources.notifier.announce(item.queue_id)
    return one(item, ItemOut)


@router.post(_ITEM + "/snooze", name="snooze_item", response_model=Data[ItemOut], responses=_OUTCOME)
async def snooze(caller: Consumer, item_id: ItemId, body: SnoozeItem) -> Response:
    """Put an item off for a while; the attempt does not count. Scope: `items:claim`."""
    async with _reported(caller, item_id, lease=body.lease) as (session, scope):
        item = await snooze_item(session, scope, item_id=item_id, lease=body.lease, delay_seconds=body.delay_seconds)
    caller.resources.notifier.announce(item.queue_id)
    return one(item, ItemOut)


@asynccontextmanager
async def _reported(caller: Caller, item_id: str, *, lease: int) -> AsyncIterator[tuple[Session, TenantScope]]:
    """Open the unit of work of an outcome; one that is refused because the item was cancelled ends the item.

    For whoever reports an outcome has stopped. The refusal changes nothing, so that takes another transaction.
    """
    try:
        async with caller.unit_of_work() as (session, scope):
            await require_item(session, scope, principal=caller.principal, item_id=item_id)
            yield session, scope
    except ItemCancelled:
        async with caller.unit_of_work() as (session, scope):
            item = await end_cancelled_item(session, scope, item_id=item_id, lease=lease)
        caller.resources.notifier.announce(item.queue_id)  # its slot is free
        raise


def _tell(caller: Caller, item: Item) -> None:
    """Say that an item's lease is over where another item waits for that: the next one of its ordering key."""
    if item.ordering_key is not None:
        caller.resources.notifier.announce(item.queue_id)


async def _awaited(request: Request, caller: Caller, queue_id: str, *, body: ClaimItems) -> list[HeldItem]:
    """Claim until there is something, the time is up or the client has gone; what comes too late is given back.

    Whoever waits may lose the right to these items meanwhile, and is looked at again before each look for them.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + body.wait_seconds
    wakings: Wakings = request.app.state.wakings
    held: list[HeldItem] = []
    with wakings.waiting(queue_id) as waiter:
        async with _watched(request, waiter):
            while not waiter.over:
                held = await _claimed(caller, queue_id, body=body)
                if len(held) == body.limit:
                    wakings.found(queue_id)
                remaining = deadline - loop.time()
                if held or remaining <= 0:
                    break
                await waiter.look_again(within=min(remaining, wakings.seconds_to_next_look()))
                caller = await caller.again(request)
        if held and await request.is_disconnected():
            await _given_back(caller, queue_id, held)
    return held


@asynccontextmanager
async def _watched(request: Request, waiter: Waiter) -> AsyncIterator[None]:
    """End a wait as soon as the client has gone."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        waiter.end()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _given_back(caller: Caller, queue_id: str, held: list[HeldItem]) -> None:
    async with caller.unit_of_work() as (session, scope):
        await release_items(session, scope, leases={one_held.item.id: one_held.lease for one_held in held})
    caller.resources.notifier.announce(queue_id)


async def _claimed(caller: Caller, queue_id: str, *, body: ClaimItems) -> list[HeldItem]:
    async with caller.unit_of_work(queue_id=queue_id) as (session, scope):
        return await claim_items(
            session,
            scope,
            queue_id=queue_id,
            limit=body.limit,
            worker_id=body.worker_id or caller.name,
            lease_seconds=body.lease_seconds,
        )


def _held(held: HeldItem) -> HeldItemOut:
    item = zip(_FIELDS, _VALUES(held.item), strict=True)
    return HeldItemOut(**dict(item), lease=held.lease, lease_expires_at=held.lease_expires_at)
