"""Claim: hand ready items to one worker, some from each of several queues.

waiting and ready → processing; attempts and claims + 1; a fresh lease.  Locks: the picked items only, skipping what
is locked, so it never waits.  Index: queue_items_queue_idx, one walk a source in the order of priority, then arrival.
Rows come back in no order (`returning` has none); `claim` sorts them. Which queues to ask, and for how many items, is
decided by the caller (`queries/ready_sources.py`), fairly between organizations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.engine.reports import Lease

CLAIM: Final = Statement("""
with source as materialized (
    select s.organization_id, s.queue_id, s.take
    from jsonb_to_recordset(:sources) as s (organization_id text, queue_id text, take integer)
),
picked as materialized (
    select i.row
    from source s
    cross join lateral (
        select i.ctid as row
        from queue_items_live i
        where i.organization_id = s.organization_id and i.queue_id = s.queue_id
            and i.status = 'waiting' and i.ready
        order by (-i.priority), i.seq
        limit s.take
        for update skip locked
    ) i
)
update queue_items_live i
set status = 'processing',
    attempts = i.attempts + 1,
    claims = i.claims + 1,
    started_at = statement_timestamp(),
    lease_expires_at = statement_timestamp() + make_interval(secs => :lease_seconds),
    worker_id = :worker_id
where i.ctid = any (array(select p.row from picked p))
returning i.id, i.organization_id, i.queue_id, i.payload, i.priority, i.attempts, i.max_attempts, i.claims,
    i.lease_expires_at, i.seq, i.task, i.created_at, i.tags, i.trace
""")


@dataclass(frozen=True, slots=True)
class Source:
    """A queue to claim from, and at most how many items."""

    organization_id: str
    queue_id: str
    take: int


class ClaimedItem(NamedTuple):
    """An item under a fresh lease; `claims` is the fencing number."""

    id: str
    organization_id: str
    queue_id: str
    payload: dict[str, Any]
    priority: int
    attempts: int
    max_attempts: int
    claims: int
    lease_expires_at: datetime
    seq: int
    task: str | None
    created_at: datetime
    tags: list[str]
    trace: str | None

    @property
    def lease(self) -> Lease:
        """What an outcome has to show, without the rest."""
        return Lease(self.organization_id, self.id, self.claims)


async def claim(
    session: Session, scope: Scope, *, sources: Sequence[Source], worker_id: str, lease_seconds: int
) -> list[ClaimedItem]:
    """Claim up to `take` items from each source; highest priority first, then oldest. A tenant gets its own only."""
    own = [
        {"organization_id": source.organization_id, "queue_id": source.queue_id, "take": source.take}
        for source in sources
        if scope.organization_id in {"", source.organization_id}
    ]
    if not own:
        return []
    rows = await session.run(
        CLAIM,
        {"sources": orjson.dumps(own).decode(), "worker_id": worker_id, "lease_seconds": lease_seconds},
    )
    return sorted(map(ClaimedItem._make, rows), key=_claim_order)


def _claim_order(item: ClaimedItem) -> tuple[int, int]:
    return (-item.priority, item.seq)
