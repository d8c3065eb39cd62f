"""Advance: let the next item of an ordering key come forward when none is before it.

waiting, blocked → waiting, ready (or for later, as it was enqueued): the earliest of its key, when no item of the key
lives that is not blocked.  Locks: the notes picked and the items that come forward, skipping what is locked.
Index: ordering_turns' key from the oldest note (or from where nothing is left before it), queue_items_turn_idx,
queue_items_blocked_idx.

Every enqueued item with an ordering key is blocked at first, and every event that may free its key leaves a note in its
own transaction: so nobody ever waits for anybody, and a note is read only when what it tells of is there to be seen. It
is taken away when its key needs nothing any more; one whose next item somebody holds, or has just changed, stays.
That two at once let two items of one key come forward a unique index prevents; the second of them begins again.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope

ADVANCE: Final = Statement("""
with note as materialized (
    select n.id, n.organization_id, n.queue_id, n.ordering_key
    from ordering_turns n
    where n.id > :after
    order by n.id
    limit :most
    for update skip locked
),
next as materialized (
    select k.organization_id, k.queue_id, k.ordering_key, i.row
    from (select distinct organization_id, queue_id, ordering_key from note) k
    cross join lateral (
        select i.ctid as row
        from queue_items_live i
        where i.organization_id = k.organization_id and i.queue_id = k.queue_id and i.ordering_key = k.ordering_key
            and i.blocked
        order by i.seq
        limit 1
    ) i
    where (
        select count(*) from queue_items_live f
        where f.organization_id = k.organization_id and f.queue_id = k.queue_id and f.ordering_key = k.ordering_key
            and not f.blocked) = 0
),
held as materialized (
    select i.row
    from next n
    cross join lateral (
        select i.ctid as row, i.blocked as current from queue_items_live i where i.ctid = n.row for update skip locked
    ) i
    where i.current
),
forward as (
    update queue_items_live i
    set blocked = false, ready = i.scheduled_for is null or i.scheduled_for <= statement_timestamp()
    where i.ctid = any (array(select h.row from held h))
    returning i.organization_id, i.queue_id, i.ordering_key, i.ready
),
gone as (
    delete from ordering_turns t
    where t.id = any (array(
        select n.id
        from note n
        left join next w using (organization_id, queue_id, ordering_key)
        left join forward f using (organization_id, queue_id, ordering_key)
        where w.row is null or f.ready is not null))
    returning t.id
)
select f.queue_id, f.ready, (select count(*) from gone) from forward f
union all
select null, false, (select count(*) from gone)
""")


async def advance(session: Session, _scope: SystemScope, *, most: int, after: int = 0) -> tuple[int, set[str]]:
    """Deal with up to `most` notes, those `after` one; return with how many, and the queues with something ready now.

    Call again while it is that many. Raises Conflict when another one advances the same key at this moment.
    """
    rows = await session.run(ADVANCE, {"most": most, "after": after})
    return rows[-1][2], {row[0] for row in rows if row[1]}
