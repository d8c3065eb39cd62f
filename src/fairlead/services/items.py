"""Items: putting them into queues, changing, cancelling, retrying and deleting them.

What a person changes, cancels, retries or deletes is audited, the traffic is not. Who holds an item and what comes of
it is `services/leases.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, Unpack

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.domain.ids import is_id, new_ids
from fairlead.domain.item_status import FINISHED, LIVE, ItemStatus
from fairlead.domain.versions import version_by
from fairlead.engine.cancel import Cancelled, cancel
from fairlead.engine.delete import DeletedItem, delete
from fairlead.engine.enqueue import Entered, NewItem, enqueue, enqueue_payloads
from fairlead.engine.enqueue_limited import room_for
from fairlead.engine.retry import Retried, retry
from fairlead.engine.update import ItemChanges, update
from fairlead.errors import Conflict, FairleadError, NotFound, QueueFull, TransactionConflict, ValidationFailed
from fairlead.queries.items import Item, ItemFilters, count_items, find_item_ids, find_items, get_item
from fairlead.services import audit
from fairlead.services.checks import is_batch, range_problem, ranged, refuse
from fairlead.services.item_rules import ItemInput, check_changes, check_items, has_only_payload
from fairlead.services.unique_items import enqueue_within_limits
from fairlead.services.versions import refuse_other

_NO_ROOM: Final = "Retrying these items would exceed the queue's depth limit; retry fewer, or raise max_depth."


async def enqueue_items(
    session: Session, scope: TenantScope, *, queue_id: str, items: Sequence[ItemInput]
) -> list[str]:
    """Enqueue 1 to 1,000 items, all or none; return their ids in the order given.

    For an item whose unique key is held that is, as its `on_conflict` says, the holder's id ('return', or 'replace',
    which also gives the holder the new payload if it still waits) or the end of all of it ('reject': Conflict).
    Raises ValidationFailed naming every wrong field of every item, NotFound when there is no such queue here, and
    QueueFull when they would exceed the depth of the queue or the organization.
    """
    check_items(items)
    if not is_id(queue_id):
        raise NotFound
    ids = new_ids(len(items))
    if await enqueue_plainly(session, scope, queue_id=queue_id, ids=ids, items=items):
        return ids
    policies = [item.on_conflict for item in items]
    new = new_items(ids, items)
    return await enqueue_within_limits(session, scope, queue_id=queue_id, items=new, policies=policies)


async def enqueue_plainly(
    session: Session, scope: TenantScope, *, queue_id: str, ids: Sequence[str], items: Sequence[ItemInput]
) -> Entered | None:
    """Enqueue items that were checked, under these ids, in the one statement that does where nothing is limited.

    None, and nothing is done, when one of them is to be unique, the depth is limited, or there is no such queue here.
    """
    if all(map(has_only_payload, items)):  # most batches; the rest costs three times as much
        payloads = {item_id: item.payload for item_id, item in zip(ids, items, strict=True)}
        return await enqueue_payloads(session, scope, queue_id=queue_id, payloads=payloads)
    if any(item.unique_key is not None for item in items):
        return None
    return await enqueue(session, scope, queue_id=queue_id, items=new_items(ids, items))


async def update_item(
    session: Session,
    scope: TenantScope,
    *,
    item_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
    **changes: Unpack[ItemChanges],
) -> Item:
    """Change the fields given of a waiting item, and only those; a claim gets the old item or the new one, whole.

    `scheduled_for` None means at once, `expected` is the version that the caller saw. Raises ValidationFailed, also for
    a `max_attempts` that leaves no attempt, NotFound, Conflict for an item that is being worked on or finished, and
    PreconditionFailed for another version.
    """
    check_changes(changes)
    if expected is not None and is_id(item_id):
        await _seen(session, scope, item_id, expected)
    done = await update(session, scope, item_id=item_id, changes=changes) if is_id(item_id) else None
    item = await get_item(session, scope, item_id=item_id)
    if done is None:
        raise _why_not_updated(item, changes)
    await audit.record_change(
        session, scope, actor=actor, action="item.updated", kind="item", before=done.before, after=done.after
    )
    return item


def version_of_item(item: Item) -> str:
    """Return the version of an item, which stays the same while it is only worked on."""
    return version_by(item.payload, item.priority, item.max_attempts, item.scheduled_for, item.task, item.tags)


async def _seen(session: Session, scope: TenantScope, item_id: str, expected: str) -> Item:
    """Return an item, which is held if it waits; raises NotFound, and PreconditionFailed for another version."""
    await update(session, scope, item_id=item_id, changes={})
    item = await get_item(session, scope, item_id=item_id)
    refuse_other(version_of_item(item), expected=expected)
    return item


async def delete_item(
    session: Session,
    scope: TenantScope,
    *,
    item_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> None:
    """Delete a waiting or finished item for good; its audit event does not hold what was in it.

    `expected` is the version that the caller saw. Raises NotFound, PreconditionFailed for another version, and Conflict
    for an item that is being worked on: it is released or finished first.
    """
    seen = await _seen(session, scope, item_id, expected) if expected is not None and is_id(item_id) else None
    gone = await _delete(session, scope, [item_id], actor)
    if not gone:
        item = await get_item(session, scope, item_id=item_id)
        if item.status is ItemStatus.PROCESSING:
            raise Conflict("This item is being worked on; release or finish it first.")
        raise TransactionConflict  # it was being finished
    if seen is not None and gone[0].status is not seen.status:
        raise TransactionConflict  # it was retried, or has ended, since


async def delete_items(
    session: Session, scope: TenantScope, *, item_ids: Collection[str], actor: audit.Actor = audit.OPERATOR
) -> list[str]:
    """Delete those of 1 to 1,000 items that wait or are finished; return, in their order, the ids of what is gone.

    One that is being worked on stays, as one that is not here. Raises ValidationFailed for another number of them.
    """
    return [item.id for item in await _delete(session, scope, item_ids, actor)]


async def _delete(
    session: Session, scope: TenantScope, item_ids: Collection[str], actor: audit.Actor
) -> list[DeletedItem]:
    gone = await delete(session, scope, item_ids=_checked_ids(item_ids))
    events = audit.changes("item", [("item.deleted", item, None) for item in gone])
    await audit.record(session, scope, actor=actor, events=events)
    return gone


async def cancel_items(
    session: Session,
    scope: TenantScope,
    *,
    item_ids: Collection[str],
    deadline_seconds: float | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> list[Cancelled]:
    """Cancel those of 1 to 1,000 items that wait or are being worked on; return them, with who works on them.

    One that waits has ended. One that is worked on is being cancelled (not `ended`): whatever its worker reports of it
    is refused from now on, and it ends, giving back its slot and its ordering key, when the worker has stopped, or when
    its lease is over, which is after `deadline_seconds` at the latest if they are given. Asking again may bring that
    forward. A finished item stays, as one that is not here. Raises ValidationFailed, also for another number of items.
    """
    refuse({"deadline_seconds": range_problem(deadline_seconds, least=0, most=limits.LEASE_SECONDS)})
    cancelled = await cancel(session, scope, item_ids=_checked_ids(item_ids), deadline_seconds=deadline_seconds)
    events = audit.changes("item", [("item.cancelled", item, None) for item in cancelled])
    await audit.record(session, scope, actor=actor, events=events)
    return cancelled


async def cancel_item(
    session: Session,
    scope: TenantScope,
    *,
    item_id: str,
    deadline_seconds: float | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> Cancelled:
    """Cancel an item as `cancel_items` does. Raises NotFound, and Conflict for one that is finished."""
    cancelled = await cancel_items(session, scope, item_ids=[item_id], deadline_seconds=deadline_seconds, actor=actor)
    if cancelled:
        return cancelled[0]
    item = await get_item(session, scope, item_id=item_id)
    if item.status in LIVE:
        raise TransactionConflict  # it has just come back
    raise Conflict(f"This item is {item.status.value} already.")


async def retry_items(
    session: Session, scope: TenantScope, *, item_ids: Collection[str], actor: audit.Actor = audit.OPERATOR
) -> list[Retried]:
    """Let those of 1 to 1,000 items that are finished be worked once more; return them.

    They wait, ready, and their attempts start at 0. One that is not finished stays, as one that is not here and one
    whose unique key another item holds by now. Raises ValidationFailed for another number of them, and QueueFull.
    """
    ids = _checked_ids(item_ids)
    async with session.savepoint():
        limited = await _limited_queues(session, scope, item_ids=ids)
        retried = await retry(session, scope, item_ids=ids)
        # What the organization takes together is known when all are in.
        for queue_id in limited & {item.queue_id for item in retried}:
            if (await room_for(session, scope, queue_id=queue_id) or 0) < 0:
                raise QueueFull(_NO_ROOM)
        events = audit.changes("item", [("item.retried", item, None) for item in retried])
        await audit.record(session, scope, actor=actor, events=events)
    return retried


async def retry_item(
    session: Session, scope: TenantScope, *, item_id: str, actor: audit.Actor = audit.OPERATOR
) -> Retried:
    """Retry an item as `retry_items` does. Raises NotFound, Conflict when it cannot be retried, and QueueFull."""
    if retried := await retry_items(session, scope, item_ids=[item_id], actor=actor):
        return retried[0]
    item = await get_item(session, scope, item_id=item_id)
    if item.status in FINISHED:
        raise Conflict("Another item holds this one's unique key now.")
    if item.cancel_requested_at is not None:
        raise Conflict("This item is being cancelled; it can be retried when its worker has stopped.")
    raise Conflict(f"This item is {item.status.value}; only a finished one can be retried.")


async def cancel_matching(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str | None = None,
    most: int = limits.BATCH_ITEMS,
    deadline_seconds: float | None = None,
    actor: audit.Actor = audit.OPERATOR,
    **filters: Unpack[ItemFilters],
) -> list[Cancelled]:
    """Cancel up to `most` (1 to 1,000) of the live items that the filters find; call again while any come back.

    What is being cancelled already does not come back. Raises as `get_item_page` and `cancel_items` do.
    """
    refuse({"most": ranged(1, limits.BATCH_ITEMS)(most)})
    ids = await find_item_ids(session, scope, queue_id=queue_id, live=True, most=most, filters=filters)
    if not ids:
        return []
    return await cancel_items(session, scope, item_ids=ids, deadline_seconds=deadline_seconds, actor=actor)


async def count_cancellable(
    session: Session, scope: TenantScope, *, queue_id: str | None = None, **filters: Unpack[ItemFilters]
) -> int:
    """Return how many items `cancel_matching` would cancel now, call after call. Raises as `get_item_page` does."""
    return await count_items(session, scope, queue_id=queue_id, live=True, filters=filters)


async def count_retryable(
    session: Session, scope: TenantScope, *, queue_id: str | None = None, **filters: Unpack[ItemFilters]
) -> int:
    """Return how many items `retry_matching` would try to retry now, call after call. Raises as `get_item_page` does.

    One whose unique key another item holds by now is counted, and would not be retried.
    """
    return await count_items(session, scope, queue_id=queue_id, live=False, filters=_failed_unless_said(filters))


async def retry_matching(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str | None = None,
    most: int = limits.BATCH_ITEMS,
    actor: audit.Actor = audit.OPERATOR,
    **filters: Unpack[ItemFilters],
) -> list[Retried]:
    """Retry up to `most` (1 to 1,000) of the finished items that the filters find, failed ones unless they say.

    Call again while any come back. Raises as `get_item_page` does, and QueueFull.
    """
    refuse({"most": ranged(1, limits.BATCH_ITEMS)(most)})
    chosen = _failed_unless_said(filters)
    ids = await find_item_ids(session, scope, queue_id=queue_id, live=False, most=most, filters=chosen)
    return await retry_items(session, scope, item_ids=ids, actor=actor) if ids else []


def _failed_unless_said(filters: ItemFilters) -> ItemFilters:
    return {"status": ItemStatus.FAILED, **filters}


async def _limited_queues(session: Session, scope: TenantScope, *, item_ids: Collection[str]) -> set[str]:
    """Return those of the items' queues whose depth is limited, after taking their turns."""
    found = await find_items(session, scope, item_ids=list(item_ids))
    queue_ids = sorted({item.queue_id for item in found.values()})
    return {queue_id for queue_id in queue_ids if await room_for(session, scope, queue_id=queue_id) is not None}


def _checked_ids(item_ids: Collection[str]) -> list[str]:
    if not is_batch(item_ids):
        raise ValidationFailed(details={"item_ids": f"must be 1 to {limits.BATCH_ITEMS:,} ids"})
    return [item_id for item_id in item_ids if is_id(item_id)]


def _why_not_updated(item: Item, changes: ItemChanges) -> FairleadError:
    """Return the error for an item that could not be changed, from how it is now."""
    if item.status is not ItemStatus.WAITING:
        state = "being worked on" if item.status is ItemStatus.PROCESSING else item.status.value
        return Conflict(f"This item is {state}; only an item that waits can be changed.")
    if changes.get("max_attempts", item.max_attempts) <= item.attempts:
        return ValidationFailed(
            details={"max_attempts": f"must be more than the {item.attempts} attempts already made"}
        )
    return TransactionConflict()  # it has just come back to wait


def new_items(ids: Sequence[str], items: Sequence[ItemInput]) -> list[NewItem]:
    """Return items as the engine takes them, under these ids."""
    return [new_item(item_id, item) for item_id, item in zip(ids, items, strict=True)]


def new_item(item_id: str, item: ItemInput) -> NewItem:
    """Return an item as the engine takes it."""
    if has_only_payload(item):
        return NewItem(item_id, item.payload)
    return NewItem(
        id=item_id,
        payload=item.payload,
        priority=item.priority,
        max_attempts=item.max_attempts,
        scheduled_for=item.scheduled_for,
        delay_seconds=item.delay_seconds,
        task=item.task,
        tags=item.tags,
        ordering_key=item.ordering_key,
        unique_key=item.unique_key,
        unique_while=item.held_while,
        unique_seconds=item.unique_seconds,
    )
