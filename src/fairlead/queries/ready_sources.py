"""Ready sources: which queues have items to claim, organization by organization, and the rules a worker needs for them.

A loose index scan over the claim's index: one probe to the next organization that has a ready item, then one to each
of its next queues; an organization or queue without ready items costs nothing. The walk starts behind a cursor that
the caller keeps and moves on, so that every organization has its turn however much another one has waiting; inside an
organization it starts behind a pivot that the caller changes, for the same reason. A soft-deleted organization has its
place in the walk, so that a step stays as short however many there are, and nothing comes of it.

While an old transaction holds vacuum back, every probe passes the dead entries at a queue's head: the caller looks no
oftener than it can afford.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope
from fairlead.domain.retry import Backoff

_RULES: Final = """q.name, q.lease_seconds, o.weight,
        num_nonnulls(q.max_concurrency, o.max_concurrency, q.rate_limit) > 0,
        case when q.rate_limit is not null then q.rate_period_seconds end,
        q.backoff_policy, q.backoff_base_seconds, q.backoff_factor, q.backoff_cap_seconds, q.backoff_jitter,
        q.backoff_delays"""

READY_SOURCES: Final = Statement(
    """
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
    select o.id, o.weight, o.max_concurrency, o.deleted_at is null as alive
    from (select id from organization limit :organizations) n
    join organizations o on o.id = n.id
)
select o.id, s.*
from turn o
left join lateral (
    with recursive ready (queue_id, stop) as (
        (select n.queue_id, h.stop
         from (values (cast(:pivot as text), null), ('', cast(:pivot as text))) h (start, stop)
         cross join lateral (
            select i.queue_id from queue_items_live i
            where i.status = 'waiting' and i.ready and i.organization_id = o.id and i.queue_id > h.start
            order by i.queue_id limit 1
         ) n
         where h.stop is null or n.queue_id <= h.stop)
        union all
        select n.queue_id, r.stop
        from ready r
        cross join lateral (
            select i.queue_id from queue_items_live i
            where i.status = 'waiting' and i.ready and i.organization_id = o.id and i.queue_id > r.queue_id
            order by i.queue_id limit 1
        ) n
        where r.stop is null or n.queue_id <= r.stop
    )
    select q.id as queue_id, {rules}
    from ready r
    join queues q on q.organization_id = o.id and q.id = r.queue_id
    where o.alive and q.name = any (:names) and q.deleted_at is null
        and (q.paused_at is null or q.resume_at <= statement_timestamp())
    limit :queues
) s on true
order by o.id, s.queue_id
""",
    rules=_RULES,
)

SOURCES: Final = Statement(
    """
select o.id, q.id, {rules}
from queues q
join organizations o on o.id = q.organization_id and o.deleted_at is null
where q.id = any (:queue_ids) and q.name = any (:names) and q.deleted_at is null
order by o.id, q.id
""",
    rules=_RULES,
)


@dataclass(frozen=True, slots=True)
class ReadyQueue:
    """A queue that has ready items, with the rules a worker needs for them; `weight` is its organization's."""

    organization_id: str
    queue_id: str
    name: str
    lease_seconds: int = 30
    weight: int = 1
    limited: bool = True
    rate_period_seconds: int | None = None  # None without a limit of its rate
    backoff: Backoff = field(default_factory=Backoff)


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


async def find_sources(
    session: Session, _scope: SystemScope, *, names: Sequence[str], queue_ids: Collection[str]
) -> list[ReadyQueue]:
    """Return those of `queue_ids` that are there and among `names`, whether or not they have anything ready."""
    rows = await session.run(SOURCES, {"names": list(names), "queue_ids": sorted(queue_ids)})
    return [_ready_queue(*row) for row in rows]


def _ready_queue(*row: Any) -> ReadyQueue:
    organization_id, queue_id, name, lease_seconds, weight, limited, rate_period, *backoff = row
    policy, base, factor, cap, jitter, delays = backoff
    rules = Backoff(policy, base, factor, cap, jitter, tuple(delays))
    return ReadyQueue(organization_id, queue_id, name, lease_seconds, weight, limited, rate_period, rules)
