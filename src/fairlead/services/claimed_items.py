"""An item as it is in the moment it was claimed, known from its claim without being read back."""

from __future__ import annotations

from fairlead.domain.item_status import ItemStatus
from fairlead.engine.claim import ClaimedItem
from fairlead.queries.items import Item


def as_claimed(claimed: ClaimedItem, *, worker_id: str) -> Item:
    """Return what a read would have found in that moment."""
    return Item(
        id=claimed.id,
        queue_id=claimed.queue_id,
        payload=claimed.payload,
        status=ItemStatus.PROCESSING,
        priority=claimed.priority,
        attempts=claimed.attempts,
        max_attempts=claimed.max_attempts,
        error_message=claimed.error_message,
        errors=claimed.errors or [],
        result=None,
        progress=claimed.progress,
        task=claimed.task,
        tags=claimed.tags,
        scheduled_for=claimed.scheduled_for,
        started_at=claimed.started_at,
        completed_at=None,
        finished_at=None,
        created_at=claimed.created_at,
        cancel_requested_at=None,
        unique_key=claimed.unique_key,
        ordering_key=claimed.ordering_key,
        worker_id=worker_id,
    )
