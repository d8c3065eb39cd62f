"""An item as it is in the moment it entered its queue, known without being read back.

What it brought is known, and the insert tells the rest; only the due time of one for later is left to a read, since the
database's clock says when a delay ends.
"""

from __future__ import annotations

from fairlead.domain.item_status import ItemStatus
from fairlead.engine.enqueue import Entered
from fairlead.queries.items import Item
from fairlead.services.item_rules import ItemInput


def as_entered(item_id: str, given: ItemInput, *, queue_id: str, entered: Entered) -> Item | None:
    """Return what a read would have found in that moment; None where only a read can tell."""
    if given.scheduled_for is not None or given.delay_seconds is not None:
        return None
    return Item(
        id=item_id,
        queue_id=queue_id,
        payload=given.payload,
        status=ItemStatus.WAITING,
        priority=given.priority or 0,
        attempts=0,
        max_attempts=entered.max_attempts if given.max_attempts is None else given.max_attempts,
        error_message=None,
        errors=[],
        result=None,
        progress=None,
        task=given.task,
        tags=list(given.tags),
        scheduled_for=None,
        started_at=None,
        completed_at=None,
        finished_at=None,
        created_at=entered.created_at,
        cancel_requested_at=None,
        unique_key=given.unique_key,
        ordering_key=given.ordering_key,
        worker_id=None,
    )
