"""Items: putting them into queues, changing and deleting them, handing them out under leases, and taking the outcomes.

What a person changes or deletes is audited, the traffic is not. Whoever holds an item shows its lease (the fencing
number a claim gave out) with every outcome. An outcome for an item that is not in this organization raises NotFound;
one whose lease is no longer current raises LeaseLost and has changed nothing.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Unpack

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.domain.ids import is_id, new_ids
from fairlead.domain.item_status import ItemStatus
from fairlead.domain.json_values import storable
from fairlead.domain.retry import delay_seconds as backoff_delay_seconds
from fairlead.engine.claim import Source, claim
from fairlead.engine.complete import Completion, complete
from fairlead.engine.delete import delete
from fairlead.engine.enqueue import NewItem, enqueue
from fairlead.engine.fail import Failure, fail
from fairlead.engine.release import release
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease
from fairlead.engine.update import ItemChanges, update
from fairlead.errors import Conflict, FairleadError, LeaseLost, NotFound, TransactionConflict, ValidationFailed
from fairlead.queries.items import Item, find_items, get_item, get_outcome_rules
from fairlead.queries.queues import get_claim_rules
from fairlead.services import audit
from fairlead.services.checks import range_problem, ranged, refuse
from fairlead.services.item_rules import ItemInput, check_changes, check_items, check_object

CLAIM_ITEMS: Final = 100  # at most this many a claim: each may be as large as a payload can be
_CHANCE: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class HeldItem:
    """An item under a lease: what every outcome has to show, and until when it is good."""

    item: Item
    lease: int
    lease_expires_at: datetime


async def enqueue_items(
    session: Session, scope: TenantScope, *, queue_id: str, items: Sequence[ItemInput]
) -> list[str]:
    """Enqueue 1 to 1,000 items, all or none; return their ids in the order given.

    Raises ValidationFailed naming every wrong field of every item, and NotFound when there is no such queue here.
    """
    check_items(items)
    if not is_id(queue_id):
        raise NotFound
    ids = new_ids(len(items))
    new_items = [_new_item(item_id, item) for item_id, item in zip(ids, items, strict=True)]
    await enqueue(session, scope, queue_id=queue_id, items=new_items)
    return ids


async def update_item(
    session: Session,
    scope: TenantScope,
    *,
    item_id: str,
    actor: audit.Actor = audit.OPERATOR,
    **changes: Unpack[ItemChanges],
) -> Item:
    """Change the fields given of a waiting item, and only those; a claim gets the old item or the new one, whole.

    `scheduled_for` None means at once. Raises ValidationFailed, also for a `max_attempts` that leaves no attempt,
    NotFound, and Conflict for an item that is being worked on or finished.
    """
    check_changes(changes)
    done = await update(session, scope, item_id=item_id, changes=changes) if is_id(item_id) else None
    item = await get_item(session, scope, item_id=item_id)
    if done is None:
        raise _why_not_updated(item, changes)
    await audit.record_change(
        session, scope, actor=actor, action="item.updated", kind="item", before=done.before, after=done.after
    )
    return item


async def delete_item(
    session: Session, scope: TenantScope, *, item_id: str, actor: audit.Actor = audit.OPERATOR
) -> None:
    """Delete a waiting or finished item for good; its audit event does not hold what was in it.

    Raises NotFound, and Conflict for an item that is being worked on: it is released or finished first.
    """
    if not await delete_items(session, scope, item_ids=[item_id], actor=actor):
        item = await get_item(session, scope, item_id=item_id)
        if item.status is ItemStatus.PROCESSING:
            raise Conflict("This item is being worked on; release or finish it first.")
        raise TransactionConflict  # it was being finished


async def delete_items(
    session: Session, scope: TenantScope, *, item_ids: Collection[str], actor: audit.Actor = audit.OPERATOR
) -> list[str]:
    """Delete those of 1 to 1,000 items that wait or are finished; return, in their order, the ids of what is gone.

    One that is being worked on stays, as one that is not here. Raises ValidationFailed for another number of them.
    """
    if not 1 <= len(item_ids) <= limits.BATCH_ITEMS:
        raise ValidationFailed(details={"item_ids": f"must be 1 to {limits.BATCH_ITEMS:,} ids"})
    gone = await delete(session, scope, item_ids=[item_id for item_id in item_ids if is_id(item_id)])
    events = audit.changes("item", [("item.deleted", item, None) for item in gone])
    await audit.record(session, scope, actor=actor, events=events)
    return [item.id for item in gone]


async def claim_items(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str,
    limit: int,
    worker_id: str,
    lease_seconds: int | None = None,
) -> list[HeldItem]:
    """Hand out up to `limit` (1 to 100) ready items; `lease_seconds` None means the queue's own.

    A paused queue gives nothing. Raises ValidationFailed, and NotFound when there is no such queue here.
    """
    refuse(
        {
            "limit": ranged(1, CLAIM_ITEMS)(limit),
            "lease_seconds": range_problem(lease_seconds, least=1, most=limits.LEASE_SECONDS, whole=True),
        }
    )
    if not is_id(queue_id):
        raise NotFound
    rules = await get_claim_rules(session, scope, queue_id=queue_id)
    if rules.paused:
        return []
    sources = [Source(scope.organization_id, queue_id, limit)]
    seconds = lease_seconds or rules.lease_seconds
    claimed = await claim(session, scope, sources=sources, worker_id=worker_id, lease_seconds=seconds)
    ids = [held.id for held in claimed]
    found = await find_items(session, scope, item_ids=ids, deleted=True) if claimed else {}
    return [HeldItem(found[held.id], held.claims, held.lease_expires_at) for held in claimed]


async def renew_item(
    session: Session,
    scope: TenantScope,
    *,
    item_id: str,
    lease: int,
    lease_seconds: int | None = None,
    progress: dict[str, Any] | None = None,
) -> HeldItem:
    """Extend a lease to `lease_seconds` from now (None: the queue's own), never shorten it; keep `progress`.

    Raises NotFound, LeaseLost and ValidationFailed.
    """
    refuse({"lease_seconds": range_problem(lease_seconds, least=1, most=limits.LEASE_SECONDS, whole=True)})
    check_object("progress", progress, most_bytes=limits.RESULT_BYTES)
    held = _lease(scope, item_id, lease)
    if lease_seconds is None:
        lease_seconds = (await get_outcome_rules(session, scope, item_id=item_id)).lease_seconds
    ends = await renew(
        session,
        scope,
        leases=[held],
        lease_seconds=lease_seconds,
        progress=None if progress is None else {item_id: progress},
    )
    item = await _changed(session, scope, item_id=item_id, accepted=item_id in ends)
    return HeldItem(item, lease, ends[item_id])


async def complete_item(
    session: Session, scope: TenantScope, *, item_id: str, lease: int, result: dict[str, Any] | None = None
) -> Item:
    """Accept the work and keep `result`; repeating an accepted one answers the same and changes nothing.

    Raises NotFound, LeaseLost and ValidationFailed.
    """
    check_object("result", result, most_bytes=limits.RESULT_BYTES)
    completion = Completion(_lease(scope, item_id, lease), result)
    accepted = await complete(session, scope, completions=[completion])
    return await _changed(session, scope, item_id=item_id, accepted=item_id in accepted)


async def fail_item(
    session: Session,
    scope: TenantScope,
    *,
    item_id: str,
    lease: int,
    error: str,
    retry: bool = True,
    delay_seconds: float | None = None,
) -> Item:
    """Record that an attempt failed; with attempts left and `retry` it waits for the next one.

    `delay_seconds` None means the queue's back-off. The error is cut to 8,192 characters. Raises NotFound, LeaseLost
    and ValidationFailed.
    """
    refuse({"delay_seconds": range_problem(delay_seconds, least=0, most=limits.DELAY_SECONDS)})
    held = _lease(scope, item_id, lease)
    if delay_seconds is None:
        rules = await get_outcome_rules(session, scope, item_id=item_id)
        delay_seconds = backoff_delay_seconds(rules.backoff, rules.attempts, chance=_CHANCE.random())
    failure = Failure(held, storable(error, most=limits.ERROR_CHARACTERS), delay_seconds, give_up=not retry)
    outcome = await fail(session, scope, failures=[failure])
    return await _changed(session, scope, item_id=item_id, accepted=item_id in outcome)


async def release_item(session: Session, scope: TenantScope, *, item_id: str, lease: int) -> Item:
    """Give an item back that was not worked on; the attempt does not count. Raises NotFound and LeaseLost."""
    released = await release(session, scope, leases=[_lease(scope, item_id, lease)])
    return await _changed(session, scope, item_id=item_id, accepted=item_id in released)


async def _changed(session: Session, scope: TenantScope, *, item_id: str, accepted: bool) -> Item:
    """Return the item as it is after the outcome, or raise the reason why nothing was changed.

    Whoever holds an item may finish it, also when its queue is deleted.
    """
    item = await get_item(session, scope, item_id=item_id, deleted=True)
    if not accepted:
        raise LeaseLost
    return item


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


def _lease(scope: TenantScope, item_id: str, lease: int) -> Lease:
    """Return what the engine's outcomes take; raises NotFound for what cannot be an item's id."""
    if not is_id(item_id):
        raise NotFound
    return Lease(scope.organization_id, item_id, lease)


def _new_item(item_id: str, item: ItemInput) -> NewItem:
    return NewItem(
        id=item_id,
        payload=item.payload,
        priority=item.priority,
        max_attempts=item.max_attempts,
        scheduled_for=item.scheduled_for,
        delay_seconds=item.delay_seconds,
        task=item.task,
        tags=item.tags,
    )
