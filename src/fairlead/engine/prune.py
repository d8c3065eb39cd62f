"""Prune: remove finished items that their queue keeps no longer, and keys whose time is over.

completed, failed, cancelled, finished longer ago than the queue's `retention_seconds` → -.  A queue without one keeps
everything.  Locks: a share of the queues, skipping one that is being deleted; the items picked, skipping what is
locked.  Index: queue_items_finished_idx, one probe a queue, from the item that was finished first.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope
from fairlead.engine.accounts import counters_of

PRUNE: Final = Statement(
    """
with over as materialized (
    select i.row, q.organization_id, q.id as queue_id, i.id
    from queues q
    cross join lateral (
        select i.ctid as row, i.id
        from queue_items_finished i
        where i.organization_id = q.organization_id and i.queue_id = q.id
            and i.finished_at <= statement_timestamp() - make_interval(secs => q.retention_seconds)
        order by i.finished_at
        limit :most
    ) i
    where q.retention_seconds is not null
    limit :most
),
queue as materialized (
    select q.*
    from (select distinct o.organization_id, o.queue_id from over o order by 1, 2) o
    cross join lateral (
        select q.organization_id, q.id from queues q
        where q.organization_id = o.organization_id and q.id = o.queue_id
        for key share skip locked
    ) q
),
held as materialized (
    select i.row
    from over o
    join queue q on q.organization_id = o.organization_id and q.id = o.queue_id
    cross join lateral (
        select i.ctid as row from queue_items_finished i
        where i.ctid = o.row and i.organization_id = o.organization_id and i.id = o.id
        for update skip locked
    ) i
),
gone as (
    delete from queue_items_finished i
    where i.ctid = any (array(select h.row from held h))
    returning i.organization_id, i.queue_id, i.status
),
{counters}
select count(*) from gone
""",
    counters=counters_of(
        "gone",
        completed="-count(*) filter (where m.status = 'completed')",
        failed="-count(*) filter (where m.status = 'failed')",
        cancelled="-count(*) filter (where m.status = 'cancelled')",
    ),
)

PRUNE_PERIODS: Final = Statement("""
delete from unique_periods p
where p.ctid = any (array(
    select o.ctid from unique_periods o
    where o.expires_at <= statement_timestamp()
    order by o.expires_at
    limit :most
    for update skip locked))
""")


PRUNE_ANSWERS: Final = Statement("""
delete from idempotency_keys k
where k.ctid = any (array(
    select o.ctid from idempotency_keys o
    where o.created_at <= statement_timestamp() - make_interval(secs => :seconds)
    order by o.created_at
    limit :most
    for update skip locked))
""")


async def prune(session: Session, _scope: SystemScope, *, most: int) -> int:
    """Remove up to `most` items whose time is over; return how many. Call again while it is that many."""
    return int((await session.run(PRUNE, {"most": most}))[0][0])


async def prune_periods(session: Session, _scope: SystemScope, *, most: int) -> int:
    """Remove up to `most` unique keys whose period is over; return how many. Call again while it is that many."""
    return await session.row_count(PRUNE_PERIODS, {"most": most})


async def prune_answers(session: Session, _scope: SystemScope, *, seconds: float, most: int) -> int:
    """Remove up to `most` idempotency keys that are so old; return how many. Call again while it is that many."""
    return await session.row_count(PRUNE_ANSWERS, {"seconds": seconds, "most": most})
