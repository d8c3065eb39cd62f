"""Enqueue: put items into one queue of one organization, all or none.

- → waiting.  Locks: the queue's row, with the foreign key's share.  Index: the queue's key.
An item for later is kept out of the claim's index (`ready` false) until it is due. Items keep the order given.
A queue that is unknown, deleted or another organization's takes nothing, and the count returned is 0. The share is
taken before the queue is looked at and stands in the way of nothing but its deletion, which waits for it and whose end
it waits for (`services/queues.py`): once a deletion is committed, nothing enters any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.errors import NotFound

ENQUEUE: Final = Statement("""
insert into queue_items_live (
    id, organization_id, queue_id, payload, priority, max_attempts, scheduled_for, ready, task, tags, trace)
select n.id, q.organization_id, q.id, n.payload, coalesce(n.priority, 0), coalesce(n.max_attempts, q.max_attempts),
    n.due, n.due is null or n.due <= statement_timestamp(), n.task, coalesce(n.tags, '{}'), n.trace
from (
    select i.*, coalesce(i.scheduled_for, statement_timestamp() + make_interval(secs => i.delay_seconds)) as due
    from jsonb_to_recordset(:items) as i (
        id text, payload jsonb, priority integer, max_attempts integer, scheduled_for timestamptz,
        delay_seconds double precision, task text, tags text[], trace text)
) n
cross join (
    select id, organization_id, max_attempts from queues
    where organization_id = :organization_id and id = :queue_id and deleted_at is null
    for key share
) q
""")


class NewItem(NamedTuple):
    """An item to be enqueued; None means the queue's own value, or at once."""

    id: str
    payload: dict[str, Any]
    priority: int | None = None
    max_attempts: int | None = None
    scheduled_for: datetime | None = None
    delay_seconds: float | None = None
    task: str | None = None
    tags: Sequence[str] = ()
    trace: str | None = None


def parameters(scope: TenantScope, queue_id: str, items: Sequence[NewItem]) -> dict[str, Any]:
    """Return what ENQUEUE binds; values that are not given are left out of the JSON."""
    return {
        "organization_id": scope.organization_id,
        "queue_id": queue_id,
        "items": orjson.dumps([_written(item) for item in items]).decode(),
    }


async def enqueue(session: Session, scope: TenantScope, *, queue_id: str, items: Sequence[NewItem]) -> None:
    """Enqueue `items`, all or none; raises NotFound when there is no such queue here."""
    if items and await session.row_count(ENQUEUE, parameters(scope, queue_id, items)) == 0:
        raise NotFound


def _written(item: NewItem) -> dict[str, Any]:
    if item[2:] == _NOTHING_ELSE:  # most items; the rest costs four times as much
        return {"id": item.id, "payload": item.payload}
    return {name: value for name, value in zip(_FIELDS, item, strict=True) if value is not None and value != ()}


_FIELDS: Final = NewItem._fields
_NOTHING_ELSE: Final = NewItem("", {})[2:]
