"""Reconcile: compare the slots with the leases, and put right what differs.

No item changes its status. Slots and items are changed by the same statements, so that in one snapshot they agree;
where they do not, something was moved past the engine, or a queue was limited while items were being worked on that
had not been counted. Such items are counted from now on, and a difference is added to the slots, whatever they are by
then.
A transaction of a handler's own that completed an item has kept its slot, which is given back here as well.
Locks: one correction at a time, so that none adds what another has just added; the items it counts, skipping what is
locked; slots in the order of their keys.
Index: queue_items_status_idx; it reads every item that is being worked on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope, SystemScope

# Any number that no other program on the server uses. The statements after it see what its last holder committed.
ONE_AT_A_TIME: Final = Statement("select pg_advisory_xact_lock(4919111418901031126)")

COUNT_LATE: Final = Statement("""
with working as materialized (
    select i.ctid as row, i.organization_id, i.queue_id, i.id
    from queue_items_live i
    where i.status = 'processing' and not i.counted and :organization_id in ('', i.organization_id)
),
late as materialized (
    select i.row
    from (
        select w.row
        from working w
        join queues q on q.organization_id = w.organization_id and q.id = w.queue_id
        join organizations o on o.id = w.organization_id
        where num_nonnulls(q.max_concurrency, o.max_concurrency) > 0
        order by w.id
    ) w
    cross join lateral (
        select i.ctid as row, i.status = 'processing' and not i.counted as current
        from queue_items_live i
        where i.ctid = w.row
        for update skip locked
    ) i
    where i.current
),
counted as (
    update queue_items_live i set counted = true
    where i.ctid = any (array(select l.row from late l))
    returning i.organization_id, i.queue_id
),
added as materialized (
    select c.organization_id, k.queue_id, count(*) as slots
    from counted c
    cross join lateral (values (c.queue_id), ('')) k (queue_id)
    group by c.organization_id, k.queue_id
)
insert into slots (organization_id, queue_id, taken)
select a.organization_id, a.queue_id, a.slots from added a order by a.organization_id, a.queue_id
on conflict (organization_id, queue_id) do update set taken = slots.taken + excluded.taken
""")

_DRIFT: Final = """held as materialized (
    select i.organization_id, i.queue_id, count(*) as slots
    from queue_items_live i
    where i.status = 'processing' and i.counted
    group by i.organization_id, i.queue_id
),
leased as materialized (
    select organization_id, queue_id, slots from held
    union all
    select organization_id, '', sum(slots)::bigint from held group by organization_id
),
drift as materialized (
    select s.organization_id, s.queue_id, coalesce(l.slots, 0) - s.taken as difference
    from slots s
    left join leased l on l.organization_id = s.organization_id and l.queue_id = s.queue_id
    where s.taken <> coalesce(l.slots, 0)
)"""
DIFFER: Final = Statement(
    """
with {drift},
uncounted as materialized (
    select i.organization_id, i.queue_id
    from queue_items_live i
    where i.status = 'processing' and not i.counted
)
select exists (select from drift) or exists (
    select from uncounted u
    join queues q on q.organization_id = u.organization_id and q.id = u.queue_id
    join organizations o on o.id = u.organization_id
    where num_nonnulls(q.max_concurrency, o.max_concurrency) > 0
)
""",
    drift=_DRIFT,
)
_CORRECT: Final = """
with {drift},
locked as materialized (
    select d.*
    from (select * from drift order by organization_id, queue_id) d
    cross join lateral (
        select from slots s where s.organization_id = d.organization_id and s.queue_id = d.queue_id {locking}
    ) s
)
update slots s set taken = s.taken + l.difference
from locked l
where s.organization_id = l.organization_id and s.queue_id = l.queue_id
returning s.organization_id, s.queue_id, l.difference
"""
CORRECT: Final = Statement(_CORRECT, drift=_DRIFT, locking="for update")
CORRECT_BESIDE: Final = Statement(_CORRECT, drift=_DRIFT, locking="for update skip locked")


@dataclass(frozen=True, slots=True)
class Correction:
    """Slots that were wrong by `difference`; an empty `queue_id` is the whole organization's."""

    organization_id: str
    queue_id: str
    difference: int


async def slots_differ(session: Session, _scope: SystemScope) -> bool:
    """Return whether there is anything to put right, without a lock."""
    return bool((await session.run(DIFFER, {}))[0][0])


async def count_late(session: Session, scope: Scope) -> None:
    """Let items that are worked on, and were not limited when they were claimed, take the slots they are due."""
    await session.run(COUNT_LATE, {"organization_id": scope.organization_id})


async def correct_slots(session: Session, _scope: SystemScope, *, beside_locked: bool = False) -> list[Correction]:
    """Make the slots agree with the leases that are counted; return what was wrong.

    It waits for slots that somebody holds, unless it is `beside_locked`: then they are passed by.
    """
    await session.run(ONE_AT_A_TIME, {})
    rows = await session.run(CORRECT_BESIDE if beside_locked else CORRECT, {})
    return [Correction(row[0], row[1], int(row[2])) for row in rows]


async def reconcile(session: Session, scope: SystemScope) -> list[Correction]:
    """Put the slots right, those too of items that nobody has counted; return what was wrong."""
    await session.run(ONE_AT_A_TIME, {})
    await count_late(session, scope)
    return await correct_slots(session, scope)
