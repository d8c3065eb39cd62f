"""Many items chosen at once, by their ids or by a filter, to be cancelled or retried by somebody who may reach them.

Somebody whose key is for some queues reaches the items of those. What they do not reach, or what cannot be changed so,
is left out, as what is not here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.engine.cancel import Cancelled
from fairlead.engine.retry import Retried
from fairlead.queries.items import ItemFilters, find_items
from fairlead.services import audit
from fairlead.services.items import (
    cancel_items,
    cancel_matching,
    count_cancellable,
    count_retryable,
    retry_items,
    retry_matching,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Items by their ids, or, when those are None, the oldest `most` that a filter finds, of one queue or of all.

    `queue_ids` None reaches every queue.
    """

    ids: Collection[str] | None = None
    queue_id: str | None = None
    filters: ItemFilters = field(default_factory=ItemFilters)
    most: int = limits.BATCH_ITEMS
    queue_ids: Collection[str] | None = None

    @property
    def reachable(self) -> ItemFilters:
        """The filter, and the queues it is confined to."""
        return {**self.filters, "queue_ids": self.queue_ids}


async def cancel_chosen(
    session: Session,
    scope: TenantScope,
    *,
    choice: Choice,
    deadline_seconds: float | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> list[Cancelled]:
    """Cancel the items of a choice; returns and raises as `cancel_items` and `cancel_matching` do."""
    if choice.ids is None:
        return await cancel_matching(
            session,
            scope,
            queue_id=choice.queue_id,
            most=choice.most,
            deadline_seconds=deadline_seconds,
            actor=actor,
            **choice.reachable,
        )
    ids = await _reached(session, scope, choice.ids, choice.queue_ids)
    if not ids:
        return []
    return await cancel_items(session, scope, item_ids=ids, deadline_seconds=deadline_seconds, actor=actor)


async def retry_chosen(
    session: Session, scope: TenantScope, *, choice: Choice, actor: audit.Actor = audit.OPERATOR
) -> list[Retried]:
    """Retry the items of a choice; returns and raises as `retry_items` and `retry_matching` do."""
    if choice.ids is None:
        return await retry_matching(
            session, scope, queue_id=choice.queue_id, most=choice.most, actor=actor, **choice.reachable
        )
    ids = await _reached(session, scope, choice.ids, choice.queue_ids)
    return await retry_items(session, scope, item_ids=ids, actor=actor) if ids else []


async def count_to_cancel(session: Session, scope: TenantScope, *, choice: Choice) -> int:
    """Return how many items a choice by filter would cancel now, call after call."""
    return await count_cancellable(session, scope, queue_id=choice.queue_id, **choice.reachable)


async def count_to_retry(session: Session, scope: TenantScope, *, choice: Choice) -> int:
    """Return how many items a choice by filter would retry now, call after call."""
    return await count_retryable(session, scope, queue_id=choice.queue_id, **choice.reachable)


async def _reached(
    session: Session, scope: TenantScope, ids: Collection[str], queue_ids: Collection[str] | None
) -> Collection[str]:
    if queue_ids is None:
        return ids
    found = await find_items(session, scope, item_ids=list(ids))
    return [item_id for item_id, item in found.items() if item.queue_id in queue_ids]
