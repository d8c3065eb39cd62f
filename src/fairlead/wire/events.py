"""What is told to whoever listens to an organization's events, as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from fairlead.wire.base import Sent
from fairlead.wire.values import EXAMPLE_ID


class QueueChanged(Sent):
    """How a queue is now: its name, whether it is paused, and how many items it has in each status."""

    queue_id: str = Field(examples=[EXAMPLE_ID])
    name: str
    paused_at: datetime | None
    resume_at: datetime | None
    updated_at: datetime
    waiting: int
    processing: int
    completed: int
    failed: int
    cancelled: int


class QueueRemoved(Sent):
    """A queue is gone, or not this key's any more."""

    queue_id: str = Field(examples=[EXAMPLE_ID])
