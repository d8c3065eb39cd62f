"""Enqueue by COPY: any number of items into one queue, all or none, in constant memory.

- → waiting, as `engine/enqueue.py` says, which does the same for a batch that fits into one message.  The items come
first into a table of this transaction's own, because a table with row security takes no COPY; a statement then moves
them, a thousand at a time, while the caller makes the next.  Locks: the queue's row, shared.  Index: the queue's key.
The time limit of a statement is lifted meanwhile: how long it takes is up to whoever makes the items.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import aclosing
from typing import Final

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.engine.enqueue import COLUMNS, FIELDS, VALUES, NewItem, written

_PART_ITEMS: Final = 1000  # that enter with one statement
_AT_A_TIME: Final = 100  # items, after which others have their turn

TAKE_TIME: Final = Statement("""
with limited as materialized (select current_setting('statement_timeout') as before)
select before, set_config('statement_timeout', '0', true) from limited
""")
LIMIT_AGAIN: Final = Statement("select set_config('statement_timeout', :before, true)")
EMPTY_BATCH: Final = Statement("truncate pg_temp.fairlead_batch")
# Dropped first, for a second stream in the same transaction.
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
    """Enqueue `items`, none of them unique, and return how many they were; None when `room` is too small for all.

    None also when there is no such queue here. Whoever is told None, or whom what making the items raises passes
    through, undoes what entered before.
    """
    [(before, _)] = await session.run(TAKE_TIME, {})
    await session.run(DROP_BATCH, {})
    await session.run(MAKE_BATCH, {})
    made = 0
    async with aclosing(_ahead(_parts(items))) as parts:
        async for part in parts:
            await session.copy(COPY_BATCH, [part])
            left = None if room is None else room - made
            named = {"organization_id": scope.organization_id, "queue_id": queue_id, "room": left}
            ((found, entered),) = await session.run(ENQUEUE_BATCH, named)
            if not found:
                return None
            made += int(entered)
            await session.run(EMPTY_BATCH, {})
    await session.run(DROP_BATCH, {})
    await session.run(LIMIT_AGAIN, {"before": before})
    return made


async def _parts(items: Iterable[NewItem] | AsyncIterable[NewItem]) -> AsyncIterator[bytes]:
    """Yield items as lines, a part of a batch's length each; others have their turn now and then."""
    together, count = bytearray(), 0
    async for item in items if isinstance(items, AsyncIterable) else _coming(items):
        together += _line(item)
        count += 1
        if count % _PART_ITEMS == 0:
            yield bytes(together)
            together.clear()
    if together:
        yield bytes(together)


async def _coming(items: Iterable[NewItem]) -> AsyncIterator[NewItem]:
    for place, item in enumerate(items):
        if place % _AT_A_TIME == 0:
            await asyncio.sleep(0)
        yield item


async def _ahead(parts: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield what comes, and let the next be made while the server works on this one."""
    upcoming = asyncio.ensure_future(anext(parts, None))
    try:
        while (part := await upcoming) is not None:
            upcoming = asyncio.ensure_future(anext(parts, None))
            yield part
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)


def _line(item: NewItem) -> bytes:
    """Return an item as a line of COPY's text format, in which only the backslash needs another."""
    return orjson.dumps(written(item)).replace(b"\\", b"\\\\") + b"\n"
