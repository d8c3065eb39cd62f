"""Ready sources: which queues have items to claim, organization by organization.

A loose index scan over the claim's index: one probe to the next organization that has a ready item, then one to each
of its next queues; an organization or queue without ready items costs nothing. The walk starts behind a cursor that
the caller keeps and moves on, so that every organization has its turn however much another one has waiting; inside an
organization it starts behind a pivot that the caller changes, for the same reason. A soft-deleted organization has its
place in the walk, so that a step stays as short however many there are, and nothing comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope
from fairlead.domain.retry import Backoff

READY_SOURCES: Final = Statement("""
with recursive organization (id) as (
    (select i.organization_id from queue_items_live i
     where i.status = 'waiting' and i.ready and i.organization_id > :after
     order by i.organization_id limit 1)
    union all
    select n.organization_id
    from organization o
    cross join lateral (
        select i.organization_id from queue_items_live i
        where i.status = 'waiting' and i.ready and i.organization_id > o.id
        order by i.organization_id limit 1
    ) n
),
turn as materialized (
    select o.id, o.deleted_at is null as alive
    from (select id from organization limit :organizations) n
    join organizations o on o.id = n.id
)
select t.id, s.id, s.name, s.lease_seconds, s.backoff_policy, s.backoff_base_seconds, s.backoff_factor,
    s.backoff_cap_seconds, s.backoff_jitter
from turn t
left join lateral (
    with recursive ready (queue_id, stop) as (
        (select n.queue_id, h.stop
         from (values (cast(:pivot as text), null), ('', cast(:pivot as text))) h (start, stop)
         cross join lateral (
            select i.queue_id from queue_items_live i
            where i.status = 'waiting' and i.ready and i.organization_id = t.id and i.queue_id > h.start
            order by i.queue_id limit 1
         ) n
         where h.stop is null or n.queue_id <= h.stop)
        union all
        select n.queue_id, r.stop
        from ready r
        cross join lateral (
            select i.queue_id from queue_items_live i
            where i.status = 'waiting' and i.ready and i.organization_id = t.id and i.queue_id > r.queue_id
            order by i.queue_id limit 1
        ) n
        where r.stop is null or n.queue_id <= r.stop
    )
    select q.* from ready r
    join queues q on q.organization_id = t.id and q.id = r.queue_id
    where t.alive and q.name = any (:names) and q.deleted_at is null
        and (q.paused_at is null or q.resume_at <= statement_timestamp())
    limit :queues
) s on true
order by t.id, s.id
""")


@dataclass(frozen=True, slots=True)
class ReadyQueue:
    """A queue that has ready items, with the rules a worker needs for them."""

    organization_id: str
    queue_id: str
    name: str
    lease_seconds: int
    backoff: Backoff


@dataclass(frozen=True, slots=True)
class Turn:
    """One step of the walk: what is ready, and where the next step starts."""

    queues: tuple[ReadyQueue, ...]
    next_after: str


async def ready_sources(
    session: Session,
    _scope: SystemScope,
    *,
    names: Sequence[str],
    after: str,
    pivot: str,
    organizations: int,
    queues: int,
) -> Turn:
    """Return the ready queues among `names` of the next `organizations`, at most `queues` of each.

    `after` is the last turn's `next_after` ('' at first; it is '' again when the walk has come round).
    """
    rows = await session.run(
        READY_SOURCES,
        {
            "names": list(names),
            "after": after,
            "pivot": pivot,
            "organizations": organizations,
            "queues": queues,
        },
    )
    seen = {row[0] for row in rows}
    found = tuple(_ready_queue(*row) for row in rows if row[1] is not None)
    return Turn(found, max(seen) if len(seen) == organizations else "")


def _ready_queue(organization_id: str, queue_id: str, name: str, lease_seconds: int, *backoff: Any) -> ReadyQueue:
    return ReadyQueue(organization_id, queue_id, name, lease_seconds, Backoff(*backoff))
