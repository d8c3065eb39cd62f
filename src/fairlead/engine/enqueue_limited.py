"""Enqueue where something is limited or to be unique: the same as `engine/enqueue.py`, in more than one statement.

- → waiting.  Locks: first, where a depth is limited, the turn of the organization and of the queue, kept until the
transaction ends, so that what one enqueue counts no other changes; then the queue's row, shared; then the unique keys,
in their order, where one that another transaction is just enqueueing is waited for.
Index: the keys of the queue, the turns, the counters; queue_items_unique_idx.

The depth is what the counters say waits or is worked on, in the queue and in all queues of the organization. What
leaves at the same moment may not be seen yet, what enters always is: a limit is never exceeded.

An item is not enqueued when another one holds its key; `holders_of` tells which. A key held while its item waits, or
until it is finished, is held by an index of the live items and needs nobody to give it back; a key held for a period
has its row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.engine.enqueue import COLUMNS, ITEMS, VALUES, NewItem, parameters
from fairlead.errors import NotFound

# What may be enqueued is looked at in a statement after this one, which sees what those before left.
TAKE_TURN: Final = Statement("""
insert into depth_turns (organization_id, queue_id)
select :organization_id, n.queue_id
from queues q
join organizations o on o.id = q.organization_id
cross join lateral (values ('', o.max_queue_depth), (q.id, q.max_depth)) n (queue_id, most)
where q.organization_id = :organization_id and q.id = :queue_id and q.deleted_at is null and n.most is not null
order by n.queue_id
on conflict (organization_id, queue_id) do update set turn = depth_turns.turn + 1
""")

HOW_MUCH_ROOM: Final = """
select least(
    q.max_depth - (
        select coalesce(sum(c.waiting + c.processing), 0) from item_counters c
        where c.organization_id = q.organization_id and c.queue_id = q.id),
    case when o.max_queue_depth is not null then o.max_queue_depth - (
        select coalesce(sum(c.waiting + c.processing), 0) from item_counters c
        where c.organization_id = q.organization_id) end)
from queues q
join organizations o on o.id = q.organization_id
where q.organization_id = :organization_id and q.id = :queue_id and q.deleted_at is null
""".strip()
ROOM: Final = Statement(HOW_MUCH_ROOM)

ENQUEUE_UNIQUE: Final = Statement(
    """
with queue as materialized (
    select q.id, q.organization_id, q.max_attempts
    from queues q
    where q.organization_id = :organization_id and q.id = :queue_id and q.deleted_at is null
    for key share
),
new as materialized (
    select n.*, nextval('queue_items_seq') as seq
    from (
        {items}
    ) n
),
period as (
    insert into unique_periods (organization_id, queue_id, unique_key, item_id, expires_at)
    select q.organization_id, q.id, n.unique_key, n.id,
        statement_timestamp() + make_interval(secs => n.unique_seconds)
    from new n
    cross join queue q
    where n.unique_seconds is not null
    order by n.unique_key
    on conflict (organization_id, queue_id, unique_key) do update
        set item_id = excluded.item_id, expires_at = excluded.expires_at
        where unique_periods.expires_at <= statement_timestamp()
    returning item_id
),
made as (
    insert into queue_items_live (
        {columns}, seq)
    select {values}, n.seq
    from (
        select n.* from new n
        where n.unique_seconds is null or n.id in (select p.item_id from period p)
        order by n.unique_key
    ) n
    cross join queue q
    on conflict (organization_id, queue_id, unique_key)
        where unique_while = 'active' or (unique_while = 'waiting' and claims = 0) do nothing
    returning id, organization_id, queue_id, ordering_key
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct organization_id, queue_id, ordering_key from made where ordering_key is not null
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting)
    select :organization_id, :queue_id, count(*) from made having count(*) > 0
)
select id from made
""",
    columns=COLUMNS,
    values=VALUES,
    items=ITEMS,
)

HOLDERS: Final = Statement("""
select k.unique_key, i.id
from jsonb_array_elements_text(:keys) k (unique_key)
cross join lateral (
    select i.id from queue_items_live i
    where i.organization_id = :organization_id and i.queue_id = :queue_id and i.unique_key = k.unique_key
        and (i.unique_while = 'active' or (i.unique_while = 'waiting' and i.claims = 0))
    union all
    select p.item_id
    from (
        select p.item_id, p.expires_at from unique_periods p
        where p.organization_id = :organization_id and p.queue_id = :queue_id and p.unique_key = k.unique_key
        limit 1
    ) p
    where p.expires_at > statement_timestamp()
    limit 1
) i
""")


async def room_for(session: Session, scope: TenantScope, *, queue_id: str) -> int | None:
    """Take the turn of what is limited and return how many items may still enter, None for any number.

    It is negative when there are too many already. Raises NotFound when there is no such queue here.
    """
    named = {"organization_id": scope.organization_id, "queue_id": queue_id}
    await session.run(TAKE_TURN, named)
    rows = await session.run(ROOM, named)
    if not rows:
        raise NotFound
    return None if rows[0][0] is None else int(rows[0][0])


async def enqueue_limited(
    session: Session, scope: TenantScope, *, queue_id: str, items: Sequence[NewItem]
) -> frozenset[str]:
    """Enqueue those of `items` whose keys nobody holds, and return their ids; no key may come twice.

    Whether there is room was asked before (`room_for`).
    """
    rows = await session.run(ENQUEUE_UNIQUE, parameters(scope, queue_id, items))
    return frozenset(row[0] for row in rows)


async def holders_of(session: Session, scope: TenantScope, *, queue_id: str, keys: Collection[str]) -> dict[str, str]:
    """Return by unique key the items that hold these keys; one that nobody holds (any more) is not there."""
    named = {"organization_id": scope.organization_id, "queue_id": queue_id}
    rows = await session.run(HOLDERS, {**named, "keys": orjson.dumps(list(keys)).decode()})
    return {row[0]: row[1] for row in rows}
