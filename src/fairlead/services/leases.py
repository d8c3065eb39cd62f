"""Leases: handing items out, keeping them, and taking the outcomes.

This traffic is not audited. Whoever holds an item shows its lease (the fencing number a claim gave out) with every
outcome. An outcome for an item that is not in this organization raises NotFound; one whose lease is no longer current
raises LeaseLost and has changed nothing. That is ItemCancelled when the item was cancelled under this lease: the holder
stops, and says so with `end_cancelled_item`, after which the item's slot and ordering key are free.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.domain.ids import is_id
from fairlead.domain.json_values import storable
from fairlead.domain.retry import delay_seconds as backoff_delay_seconds
from fairlead.engine.claim import Source, claim
from fairlead.engine.complete import Completion, complete
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.fail import Failure, fail
from fairlead.engine.release import release
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease
from fairlead.engine.snooze import Snooze, snooze
from fairlead.errors import ItemCancelled, LeaseLost, NotFound
from fairlead.queries.cancelled import find_cancelled
from fairlead.queries.items import Item, get_item, get_outcome_rules
from fairlead.queries.queues import get_queue
from fairlead.services.checks import no_text, range_problem, ranged, refuse, text_problem
from fairlead.services.claimed_items import as_claimed
from fairlead.services.item_rules import check_object, result_problem

CLAIM_ITEMS: Final = 100  # at most this many a claim: each may be as large as a payload can be
_CHANCE: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class HeldItem:
    """An item under a lease: what every outcome has to show, and until when it is good."""

    item: Item
    lease: int
    lease_expires_at: datetime


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

    A paused queue gives nothing, a limited one no more than its limits leave. Raises ValidationFailed, and NotFound
    when there is no such queue here.
    """
    refuse(
        {
            "limit": ranged(1, CLAIM_ITEMS)(limit),
            "worker_id": text_problem(worker_id, most=limits.NAME_CHARACTERS) if worker_id else "must be given",
            "lease_seconds": range_problem(lease_seconds, least=1, most=limits.LEASE_SECONDS, whole=True),
        }
    )
    if not is_id(queue_id):
        raise NotFound
    sources = [Source(scope.organization_id, queue_id, limit, lease_seconds)]
    claimed = await claim(session, scope, sources=sources, worker_id=worker_id)
    if not claimed:
        await get_queue(session, scope, queue_id=queue_id)
    return [HeldItem(as_claimed(held, worker_id=worker_id), held.claims, held.lease_expires_at) for held in claimed]


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
    item = await _changed(session, scope, held=held, accepted=item_id in ends)
    return HeldItem(item, lease, ends[item_id])


async def complete_item(session: Session, scope: TenantScope, *, item_id: str, lease: int, result: Any = None) -> Item:
    """Accept the work and keep `result`, any JSON value; repeating an accepted one changes nothing.

    Raises NotFound, LeaseLost and ValidationFailed.
    """
    refuse({"result": result_problem(result)})
    held = _lease(scope, item_id, lease)
    accepted = await complete(session, scope, completions=[Completion(held, result)])
    return await _changed(session, scope, held=held, accepted=item_id in accepted)


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
    refuse(
        {
            "delay_seconds": range_problem(delay_seconds, least=0, most=limits.DELAY_SECONDS),
            "error": no_text(error),
        }
    )
    held = _lease(scope, item_id, lease)
    if delay_seconds is None:
        rules = await get_outcome_rules(session, scope, item_id=item_id)
        delay_seconds = backoff_delay_seconds(rules.backoff, rules.attempts, chance=_CHANCE.random())
    failure = Failure(held, storable(error, most=limits.ERROR_CHARACTERS), delay_seconds, give_up=not retry)
    outcome = await fail(session, scope, failures=[failure])
    return await _changed(session, scope, held=held, accepted=item_id in outcome)


async def snooze_item(session: Session, scope: TenantScope, *, item_id: str, lease: int, delay_seconds: float) -> Item:
    """Put an item off for `delay_seconds`; the attempt does not count. Raises NotFound, LeaseLost, ValidationFailed."""
    refuse({"delay_seconds": ranged(0, limits.DELAY_SECONDS, whole=False)(delay_seconds)})
    held = _lease(scope, item_id, lease)
    accepted = await snooze(session, scope, snoozes=[Snooze(held, delay_seconds)])
    return await _changed(session, scope, held=held, accepted=item_id in accepted)


async def release_item(session: Session, scope: TenantScope, *, item_id: str, lease: int) -> Item:
    """Give an item back that was not worked on; the attempt does not count. Raises NotFound and LeaseLost."""
    held = _lease(scope, item_id, lease)
    released = await release(session, scope, leases=[held])
    return await _changed(session, scope, held=held, accepted=item_id in released)


async def end_cancelled_item(session: Session, scope: TenantScope, *, item_id: str, lease: int) -> Item:
    """Say that the work on an item that is being cancelled has stopped: it ends; saying it again changes nothing.

    Raises NotFound, and LeaseLost when the item was not cancelled under this lease.
    """
    held = _lease(scope, item_id, lease)
    await end_cancelled(session, scope, leases=[held])
    item = await get_item(session, scope, item_id=item_id, deleted=True)
    if not await _is_cancelled(session, scope, held):
        raise LeaseLost
    return item


async def _changed(session: Session, scope: TenantScope, *, held: Lease, accepted: bool) -> Item:
    """Return the item as it is after the outcome, or raise the reason why nothing was changed.

    Whoever holds an item may finish it, also when its queue is deleted.
    """
    item = await get_item(session, scope, item_id=held.id, deleted=True)
    if not accepted:
        raise ItemCancelled if await _is_cancelled(session, scope, held) else LeaseLost
    return item


async def _is_cancelled(session: Session, scope: TenantScope, held: Lease) -> bool:
    return bool(await find_cancelled(session, scope, leases=[(held.organization_id, held.id, held.claims)]))


def _lease(scope: TenantScope, item_id: str, lease: int) -> Lease:
    """Return what the engine's outcomes take; raises NotFound for what cannot be an id, and ValidationFailed."""
    refuse({"lease": ranged(0, limits.CLAIMS)(lease)})
    if not is_id(item_id):
        raise NotFound
    return Lease(scope.organization_id, item_id, lease)
