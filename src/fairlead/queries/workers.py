"""Workers, as an organization sees them: who works on its items right now.

Told by the leases that are current, and so true at this instant whatever language a worker is written in; the processes
of the fleet, which work for everybody, are not an organization's to see.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope

WORKERS: Final = Statement("""
select i.worker_id, count(*), array_agg(distinct i.queue_id order by i.queue_id),
    min(i.started_at), min(i.lease_expires_at), max(i.lease_expires_at)
from queue_items_live i
where i.organization_id = :organization_id and i.status = 'processing' and i.worker_id is not null
    and i.lease_expires_at > statement_timestamp()
    and (cast(:queue_ids as text[]) is null or i.queue_id = any (:queue_ids))
group by i.worker_id
order by i.worker_id
limit :most
""")


@dataclass(frozen=True, slots=True)
class BusyWorker:
    """Somebody who holds items: how many, of which queues, since when, and when the first and the last lease ends."""

    id: str
    items: int
    queue_ids: list[str]
    working_since: datetime
    first_lease_ends_at: datetime
    last_lease_ends_at: datetime


async def get_workers(
    session: Session, scope: TenantScope, *, queue_ids: Collection[str] | None = None, most: int = 1000
) -> list[BusyWorker]:
    """Return who holds items of the organization, or of some of its queues, by name; at most so many."""
    chosen = None if queue_ids is None else sorted(queue_ids)
    named = {"organization_id": scope.organization_id, "queue_ids": chosen, "most": most}
    return [BusyWorker(*row) for row in await session.run(WORKERS, named)]
