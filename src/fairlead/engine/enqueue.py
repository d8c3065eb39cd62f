"""Enqueue: put items into one queue of one organization, all or none.

- → waiting.  Locks: the queue's row, shared as the foreign key shares it; where something is limited or to be unique,
see below.  Index: the queue's key.
An item for later is kept out of the claim's index (`ready` false) until it is due, one with an ordering key until it is
its turn (`engine/advance.py`). Items keep the order given.
A queue that is unknown, deleted or another organization's takes nothing. The share is taken before the queue is looked
at and stands in the way of nothing but its deletion, which waits for it and whose end it waits for
(`services/queues.py`): once a deletion is committed, nothing enters any more.

Most queues' depth is not limited and most items are not to be unique: then this one statement is all. Otherwise
`engine/enqueue_limited.py` takes over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope

UniqueWhile: TypeAlias = Literal["waiting", "active"]

# What an item is made of; `n` is one of the list given, `q` the queue.
FIELDS: Final = """
        id text, payload jsonb, priority integer, max_attempts integer, scheduled_for timestamptz,
        delay_seconds double precision, task text, tags text[], trace text, ordering_key text, unique_key text,
        unique_while text, unique_seconds double precision
""".strip()
ITEMS: Final = """
    select i.*, coalesce(i.scheduled_for, statement_timestamp() + make_interval(secs => i.delay_seconds)) as due
    from jsonb_to_recordset(:items) as i (
        {fields})
""".strip().replace("{fields}", FIELDS)
COLUMNS: Final = """
    id, organization_id, queue_id, payload, priority, max_attempts, scheduled_for, ready, blocked, task, tags, trace,
    ordering_key, unique_key, unique_while
""".strip()
VALUES: Final = """
    n.id, q.organization_id, q.id, n.payload, coalesce(n.priority, 0), coalesce(n.max_attempts, q.max_attempts),
    n.due, n.ordering_key is null and (n.due is null or n.due <= statement_timestamp()), n.ordering_key is not null,
    n.task, coalesce(n.tags, '{}'), n.trace, n.ordering_key, n.unique_key, n.unique_while
""".strip()

ENQUEUE: Final = Statement(
    """
with queue as materialized (
    select q.id, q.organization_id, q.max_attempts
    from queues q
    where q.organization_id = :organization_id and q.id = :queue_id and q.deleted_at is null and q.max_depth is null
        and (select o.max_queue_depth from organizations o where o.id = :organization_id) is null
    for key share
),
made as (
    insert into queue_items_live (
        {columns})
    select {values}
    from (
        {items}
    ) n
    cross join queue q
    returning organization_id, queue_id, ordering_key, created_at
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct organization_id, queue_id, ordering_key from made where ordering_key is not null
)
insert into item_counters (organization_id, queue_id, waiting)
select :organization_id, :queue_id, count(*) from made having count(*) > 0
returning (select q.max_attempts from queue q), (select max(m.created_at) from made m)
""",
    columns=COLUMNS,
    values=VALUES,
    items=ITEMS,
)


class NewItem(NamedTuple):
    """An item to be enqueued; None means the queue's own value, at once, or not to be unique or in an order.

    A `unique_key` goes with `unique_while` or with `unique_seconds`.
    """

    id: str
    payload: dict[str, Any]
    priority: int | None = None
    max_attempts: int | None = None
    scheduled_for: datetime | None = None
    delay_seconds: float | None = None
    task: str | None = None
    tags: Sequence[str] = ()
    trace: str | None = None
    ordering_key: str | None = None
    unique_key: str | None = None
    unique_while: UniqueWhile | None = None
    unique_seconds: float | None = None


class Entered(NamedTuple):
    """What the queue and the database's clock gave to items that entered, where they had nothing of their own."""

    max_attempts: int
    created_at: datetime


def parameters(scope: TenantScope, queue_id: str, items: Sequence[NewItem]) -> dict[str, Any]:
    """Return what ENQUEUE binds; values that are not given are left out of the JSON."""
    return {
        "organization_id": scope.organization_id,
        "queue_id": queue_id,
        "items": orjson.dumps([written(item) for item in items]).decode(),
    }


async def enqueue(session: Session, scope: TenantScope, *, queue_id: str, items: Sequence[NewItem]) -> Entered | None:
    """Enqueue `items`, none of them unique; None when there is no such queue here, or its depth is limited."""
    return _entered(await session.run(ENQUEUE, parameters(scope, queue_id, items)))


async def enqueue_payloads(
    session: Session, scope: TenantScope, *, queue_id: str, payloads: Mapping[str, dict[str, Any]]
) -> Entered | None:
    """Enqueue items of which, by their ids, only the payload is given: as `enqueue` does, for less of our own time."""
    items = [{"id": item_id, "payload": payload} for item_id, payload in payloads.items()]
    named = {"organization_id": scope.organization_id, "queue_id": queue_id, "items": orjson.dumps(items).decode()}
    return _entered(await session.run(ENQUEUE, named))


def _entered(rows: Sequence[tuple[Any, ...]]) -> Entered | None:
    return Entered(*rows[0]) if rows else None


def written(item: NewItem) -> dict[str, Any]:
    """Return an item as the statement reads it; values that are not given are left out."""
    if item[2:] == _NOTHING_ELSE:  # most items; the rest costs four times as much
        return {"id": item.id, "payload": item.payload}
    return {name: value for name, value in zip(_FIELDS, item, strict=True) if value is not None and value != ()}


_FIELDS: Final = NewItem._fields
_NOTHING_ELSE: Final = NewItem("", {})[2:]
