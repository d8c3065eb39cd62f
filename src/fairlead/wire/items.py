"""Items as JSON: what is enqueued, what is read back, what is handed out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fairlead.domain import limits
from fairlead.domain.item_status import ItemStatus
from fairlead.wire.base import Received, Sent
from fairlead.wire.values import DelaySeconds, DueTime, MaxAttempts, Name, Payload, Priority, Tag


class EnqueueItem(Received):
    """An item to be enqueued; it is due at once, at `scheduledFor`, or after `delaySeconds`."""

    payload: Payload
    task: Name | None = None
    priority: Priority = 0
    scheduled_for: DueTime | None = None
    delay_seconds: DelaySeconds | None = None
    max_attempts: MaxAttempts | None = None
    tags: Annotated[list[Tag], Field(max_length=limits.TAGS, default_factory=list)]

    @field_validator("delay_seconds")
    @classmethod
    def _one_due_time(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("scheduled_for") is not None:
            raise PydanticCustomError("value", "cannot be combined with scheduledFor")
        return value


class EnqueueBatch(Received):
    """Items to be enqueued together, all or none."""

    items: Annotated[list[EnqueueItem], Field(min_length=1, max_length=limits.BATCH_ITEMS)]


class Enqueued(Sent):
    """The ids of what was enqueued, in the order given."""

    ids: list[str]


class AttemptError(Sent):
    """Why one attempt failed."""

    attempt: int
    at: datetime
    error: str


class ItemOut(Sent):
    """One item. `finishedAt` is null while it waits or is worked on."""

    id: str
    queue_id: str
    payload: dict[str, Any]
    status: ItemStatus
    priority: int
    attempts: int
    max_attempts: int
    error_message: str | None
    errors: list[AttemptError]
    result: Any = Field(description="What came of it; null for nothing.")
    progress: dict[str, Any] | None
    task: str | None
    tags: list[str]
    scheduled_for: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    cancel_requested_at: datetime | None = Field(
        description="Since when it is being cancelled, while it is worked on; it ends when its worker has stopped."
    )


class HeldItemOut(ItemOut):
    """An item under a lease."""

    lease: int = Field(description="Send this back with every outcome.", examples=[1])
    lease_expires_at: datetime
