"""Depths: how many items a queue has in each status, and the one that has waited longest, however many there are.

The numbers are the sums of the queue's counters, which the folding keeps few, and are exact: a row of them is written
in the transaction that moves the items. No item is counted.

The longest waiting item that is ready is the one with the lowest place (`seq`) of the queue, which may stand behind
others of a higher priority. The claim's index has the places in order within a priority, so that each priority that is
there gives its first item, one probe each, from the highest down. (ADR 0021: the index has the priority itself, whose
comparison may enter it under row security; a negation might leak and may not.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope, TenantScope
from fairlead.domain.ids import is_id
from fairlead.domain.item_status import ItemStatus
from fairlead.errors import NotFound

_READY: Final = """
i.organization_id = q.organization_id and i.queue_id = q.id and i.status = 'waiting' and i.ready""".strip()

_FIRST: Final = "i.priority, i.seq, i.id, coalesce(i.scheduled_for, i.created_at)"

_DEPTHS: Final = """
select q.id, q.name, c.*, statement_timestamp(), o.id, o.since
from queues q
cross join lateral (
    select coalesce(sum(c.waiting), 0)::bigint, coalesce(sum(c.processing), 0)::bigint,
        coalesce(sum(c.completed), 0)::bigint, coalesce(sum(c.failed), 0)::bigint,
        coalesce(sum(c.cancelled), 0)::bigint
    from item_counters c
    where c.organization_id = q.organization_id and c.queue_id = q.id
) c
left join lateral (
    with recursive first (priority, seq, id, since) as (
        (select {first}
         from queue_items_live i
         where {ready}
         order by i.priority desc, i.seq
         limit 1)
        union all
        select n.*
        from first f
        cross join lateral (
            select {first}
            from queue_items_live i
            where {ready} and i.priority < f.priority
            order by i.priority desc, i.seq
            limit 1
        ) n
    )
    select f.id, f.since from first f order by f.seq limit 1
) o on true
where q.organization_id = :organization_id and q.deleted_at is null{one}
order by q.name
"""

DEPTH: Final = Statement(_DEPTHS, ready=_READY, first=_FIRST, one=" and q.id = :queue_id")
DEPTHS: Final = Statement(_DEPTHS, ready=_READY, first=_FIRST, one="")

QUEUE_KEYS: Final = Statement("""
select q.organization_id, q.id, o.slug, q.name
from queues q
join organizations o on o.id = q.organization_id
where o.slug = any (:slugs) or cardinality(cast(:slugs as text[])) = 0
order by o.slug, q.name, q.id
""")


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue's items by status; `waiting` has those that are for later or behind their ordering key, too.

    `oldest_id` is the ready item that has waited longest: `oldest_since` it was due or, never for later, enqueued. All
    of it is how things stood `at` this time of the database.
    """

    queue_id: str
    queue_name: str
    waiting: int
    processing: int
    completed: int
    failed: int
    cancelled: int
    at: datetime
    oldest_id: str | None
    oldest_since: datetime | None

    @property
    def oldest_seconds(self) -> float | None:
        """How long the oldest has waited."""
        return None if self.oldest_since is None else (self.at - self.oldest_since).total_seconds()

    def count(self, status: ItemStatus | None = None) -> int:
        """Return how many items have this status, or any."""
        counts = {
            ItemStatus.WAITING: self.waiting,
            ItemStatus.PROCESSING: self.processing,
            ItemStatus.COMPLETED: self.completed,
            ItemStatus.FAILED: self.failed,
            ItemStatus.CANCELLED: self.cancelled,
        }
        return sum(counts.values()) if status is None else counts[status]


class QueueKey(NamedTuple):
    """A queue, soft-deleted or not, and what people call it."""

    organization_id: str
    queue_id: str
    organization_slug: str
    queue_name: str


async def get_depth(session: Session, scope: TenantScope, *, queue_id: str) -> Depth:
    """Return a queue's depth; raises NotFound for an unknown, deleted or another organization's queue."""
    bound: dict[str, Any] = {"organization_id": scope.organization_id, "queue_id": queue_id}
    rows = await session.run(DEPTH, bound) if is_id(queue_id) else ()
    if not rows:
        raise NotFound
    return Depth(*rows[0])


async def get_depths(session: Session, scope: TenantScope) -> list[Depth]:
    """Return the depths of all queues of the organization, by name."""
    return [Depth(*row) for row in await session.run(DEPTHS, {"organization_id": scope.organization_id})]


async def find_queue_keys(session: Session, _scope: SystemScope, *, slugs: Sequence[str] = ()) -> list[QueueKey]:
    """Return every queue of the organizations with these slugs, or of all, in the order of their names."""
    return [QueueKey(*row) for row in await session.run(QUEUE_KEYS, {"slugs": list(slugs)})]
