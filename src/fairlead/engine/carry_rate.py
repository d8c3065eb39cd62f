"""Carry rate: let what was claimed within a rate's old period count within its new one.

No item changes.  Locks: the queue's slots.  Index: slots' key.
A rate counts in slices of its period (`engine/claim_limited.py`), and those of another period say nothing: it would
begin to count anew, and whoever changes a period to and fro would be given a whole rate each time. All of it counts as
claimed just now, so that no period holds more than the rate. When a period gets longer, what was claimed before the
old one is not known any more.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.engine.claim_limited import SLICES

CARRY_RATE: Final = Statement(
    """
update slots s
set rate_slice = floor(extract(epoch from statement_timestamp()) * {slices} / :period_seconds)::bigint,
    rate_started = array_fill(0, array[{slices}]) || (
        select coalesce(sum(r.started), 0)::integer
        from unnest(s.rate_started) with ordinality r (started, place)
        where r.place + s.rate_slice > floor(extract(epoch from statement_timestamp()) * {slices} / :old_seconds)
    )
where s.organization_id = :organization_id and s.queue_id = :queue_id
""",
    slices=SLICES,
)


async def carry_rate(
    session: Session, scope: TenantScope, *, queue_id: str, old_seconds: int, period_seconds: int
) -> None:
    """Count what a queue gave within its old period as given within the new one; both in seconds."""
    own = {"organization_id": scope.organization_id, "queue_id": queue_id}
    await session.row_count(CARRY_RATE, {**own, "old_seconds": old_seconds, "period_seconds": period_seconds})
