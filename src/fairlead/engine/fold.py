"""Fold: add up the counter rows of each queue, so that reading them stays quick.

No item is touched. The rows of a queue that has more than one become one in one statement, so that their sum is the
same at every instant. Those of a queue that is gone are dropped.
Locks: a share of the queues, skipping one that is being deleted, whose rows would outlive it; the rows picked, skipping
what is locked.  Index: item_counters_queue_idx, read whole: as many rows as there are queues and as came since the last
folding.

`recount` puts right what was moved past the engine (by hand, or by a release that did not count yet): it counts one
queue's items and replaces its rows, in one snapshot, with a share of the queue. Both take one lock for all, so that
neither counts what the other has just put together.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope, TenantScope

_LOCK: Final = "4919111418901031126"  # any number that no other program on the server uses

TRY_LOCK: Final = Statement("select pg_try_advisory_xact_lock({lock})", lock=_LOCK)
LOCK: Final = Statement("select pg_advisory_xact_lock({lock}), set_config('statement_timeout', '0', true)", lock=_LOCK)

FOLD: Final = Statement("""
with busy as materialized (
    select c.organization_id, c.queue_id
    from item_counters c
    group by c.organization_id, c.queue_id
    having count(*) > 1
    limit :most
),
there as materialized (
    select b.organization_id, b.queue_id, q.there
    from busy b
    cross join lateral (
        select count(*) > 0 as there from queues q where q.organization_id = b.organization_id and q.id = b.queue_id
    ) q
),
shared as materialized (
    select t.organization_id, t.queue_id
    from (select * from there where there order by organization_id, queue_id) t
    cross join lateral (
        select from queues q where q.organization_id = t.organization_id and q.id = t.queue_id for key share skip locked
    ) q
),
picked as materialized (
    select c.id
    from (select organization_id, queue_id from shared
          union all
          select organization_id, queue_id from there where not there) b
    join item_counters c on c.organization_id = b.organization_id and c.queue_id = b.queue_id
    for update of c skip locked
),
gone as (
    delete from item_counters c
    where c.id = any (array(select id from picked))
    returning c.*
),
total as materialized (
    select organization_id, queue_id, sum(waiting) as waiting, sum(processing) as processing,
        sum(completed) as completed, sum(failed) as failed, sum(cancelled) as cancelled
    from gone
    group by organization_id, queue_id
),
folded as (
    insert into item_counters (organization_id, queue_id, waiting, processing, completed, failed, cancelled)
    select t.* from total t
    join shared s on s.organization_id = t.organization_id and s.queue_id = t.queue_id
    where (t.waiting, t.processing, t.completed, t.failed, t.cancelled) <> (0, 0, 0, 0, 0)
)
select (select count(*) from gone), (select count(*) from busy)
""")

RECOUNT: Final = Statement("""
with queue as materialized (
    select q.organization_id, q.id from queues q
    where q.organization_id = :organization_id and q.id = :queue_id
    for key share
),
old as (
    delete from item_counters c
    where c.organization_id = :organization_id and c.queue_id = :queue_id
        and (select count(*) from queue) >= 0
    returning c.waiting, c.processing, c.completed, c.failed, c.cancelled
),
new as materialized (
    select count(*) filter (where i.status = 'waiting') as waiting,
        count(*) filter (where i.status = 'processing') as processing,
        count(*) filter (where i.status = 'completed') as completed,
        count(*) filter (where i.status = 'failed') as failed,
        count(*) filter (where i.status = 'cancelled') as cancelled
    from queue_items i
    where i.organization_id = :organization_id and i.queue_id = :queue_id
),
counted as (
    insert into item_counters (organization_id, queue_id, waiting, processing, completed, failed, cancelled)
    select q.organization_id, q.id, n.*
    from new n
    cross join queue q
)
select abs(n.waiting - o.waiting) + abs(n.processing - o.processing) + abs(n.completed - o.completed)
    + abs(n.failed - o.failed) + abs(n.cancelled - o.cancelled)
from new n
cross join (
    select coalesce(sum(waiting), 0) as waiting, coalesce(sum(processing), 0) as processing,
        coalesce(sum(completed), 0) as completed, coalesce(sum(failed), 0) as failed,
        coalesce(sum(cancelled), 0) as cancelled
    from old
) o
""")


async def fold(session: Session, _scope: SystemScope, *, most: int) -> tuple[int, int]:
    """Fold the rows of up to `most` queues; return how many rows and queues there were, 0 while another one folds."""
    if not (await session.run(TRY_LOCK, {}))[0][0]:
        return 0, 0
    ((rows, queues),) = await session.run(FOLD, {"most": most})
    return rows, queues


async def recount(session: Session, scope: TenantScope, *, queue_id: str) -> int:
    """Count a queue's items anew; return by how many its counters were wrong.

    It reads every item of the queue; the statements of this transaction have as long as they take from here on.
    """
    await session.run(LOCK, {})
    ((wrong,),) = await session.run(RECOUNT, {"organization_id": scope.organization_id, "queue_id": queue_id})
    return int(wrong)
