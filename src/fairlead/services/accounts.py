"""Accounts: putting right what is kept beside the items, after they were moved past the engine.

Whatever Fairlead itself does keeps counters and slots exact, also when it is killed at it. By hand, or by a release
that did not count yet, items may have been moved without them.
"""

from __future__ import annotations

from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope, TenantScope
from fairlead.engine.fold import recount
from fairlead.engine.reconcile import Correction, reconcile
from fairlead.queries.queues import get_queue


async def recount_queue(session: Session, scope: TenantScope, *, queue_id: str) -> int:
    """Count a queue's items anew, soft-deleted or not; return by how many its counters were wrong. Raises NotFound.

    It reads every item of the queue, however long that takes; nobody waits for it but the folding.
    """
    await get_queue(session, scope, queue_id=queue_id, deleted=True)
    return await recount(session, scope, queue_id=queue_id)


async def reconcile_slots(session: Session, scope: SystemScope) -> list[Correction]:
    """Compare the slots with the leases at once; return what was wrong and is right now."""
    return await reconcile(session, scope)
