"""Enqueue by COPY: any number of items into one queue, all or none, in constant memory.

- → waiting, as `engine/enqueue.py` says, which does the same for a batch that fits into one message.  The items come
first into a table of this transaction's own, because a table with row security takes no COPY; one statement then moves
them.  Locks: the queue's row, shared.  Index: the queue's key.
The time limit of a statement is lifted meanwhile: how long it takes is up to whoever makes the items.
Measured: a quarter quicker than batches of a thousand, and the caller may make the items while they are sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Final

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.engine.enqueue import COLUMNS, FIELDS, VALUES, NewItem, written

_PART_BYTES: Final = 64 * 1024

TAKE_TIME: Final = Statement("""
with limited as materialized (select current_setting('statement_timeout') as before)
select before, set_config('statement_timeout', '0', true) from limited
""")
LIMIT_AGAIN: Final = Statement("select set_config('statement_timeout', :before, true)")
# Dropped first, for a second batch in the same transaction.
DROP_BATCH: Final = Statement("drop table if exists pg_temp.fairlead_batch")
MAKE_BATCH: Final = Statement("create temporary table fairlead_batch (item jsonb) on commit drop")
COPY_BATCH: Final = Statement("copy pg_temp.fairlead_batch (item) from stdin")

ENQUEUE_BATCH: Final = Statement(
    """
with queue as materialized (
    select q.id, q.organization_id, q.max_attempts
    from queues q
    where q.organization_id = :organization_id and q.id = :queue_id and q.deleted_at is null
        and (select count(*) from pg_temp.fairlead_batch) <= coalesce(:room, 9223372036854775807)
    for key share
),
made as (
    insert into queue_items_live (
        {columns})
    select {values}
    from (
        select i.*, coalesce(i.scheduled_for, statement_timestamp() + make_interval(secs => i.delay_seconds)) as due
        from pg_temp.fairlead_batch b
        cross join lateral jsonb_to_record(b.item) as i (
            {fields})
    ) n
    cross join queue q
    returning organization_id, queue_id, ordering_key
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct organization_id, queue_id, ordering_key from made where ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting)
    select :organization_id, :queue_id, count(*) from made having count(*) > 0
)
select (select count(*) from queue), (select count(*) from made)
""",
    columns=COLUMNS,
    values=VALUES,
    fields=FIELDS,
)


async def enqueue_copy(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str,
    items: Iterable[NewItem] | AsyncIterable[NewItem],
    room: int | None = None,
) -> int | None:
    """Enqueue `items`, none of them unique, and return how many they were; none and None when `room` is too small.

    None also when there is no such queue here. What making the items raises passes through and undoes all of it.
    """
    [(before, _)] = await session.run(TAKE_TIME, {})
    await session.run(DROP_BATCH, {})
    await session.run(MAKE_BATCH, {})
    lines = _lines_as_they_come(items) if isinstance(items, AsyncIterable) else _lines_of(items)
    await session.copy(COPY_BATCH, lines)
    named = {"organization_id": scope.organization_id, "queue_id": queue_id, "room": room}
    ((found, made),) = await session.run(ENQUEUE_BATCH, named)
    await session.run(DROP_BATCH, {})
    await session.run(LIMIT_AGAIN, {"before": before})
    return int(made) if found else None


def _lines_of(items: Iterable[NewItem]) -> Iterator[bytes]:
    """Yield items as lines, many at a time: passing each on by itself would cost more than writing it."""
    together = bytearray()
    for item in items:
        together += _line(item)
        if len(together) >= _PART_BYTES:
            yield bytes(together)
            together.clear()
    yield bytes(together)


async def _lines_as_they_come(items: AsyncIterable[NewItem]) -> AsyncIterator[bytes]:
    together = bytearray()
    async for item in items:
        together += _line(item)
        if len(together) >= _PART_BYTES:
            yield bytes(together)
            together.clear()
    yield bytes(together)


def _line(item: NewItem) -> bytes:
    """Return an item as a line of COPY's text format, in which only the backslash needs another."""
    return orjson.dumps(written(item)).replace(b"\\", b"\\\\") + b"\n"
