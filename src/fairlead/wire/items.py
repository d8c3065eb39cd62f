"""Items as JSON: what is enqueued, what is read back, what is handed out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fairlead.domain import limits
from fairlead.domain.item_status import ItemStatus
from fairlead.wire.base import Changes, Received, Sent
from fairlead.wire.values import EXAMPLE_ID, DelaySeconds, DueTime, Key, MaxAttempts, Name, Payload, Priority, Tag

UniqueWhile = Literal["active", "waiting"]
OnConflict = Literal["reject", "return", "replace"]
UniqueSeconds = Annotated[float, Field(ge=1, le=limits.DELAY_SECONDS)]
CancelSeconds = Annotated[float, Field(ge=0, le=limits.LEASE_SECONDS)]


class EnqueueItem(Received):
    """An item to be enqueued; it is due at once, at `scheduledFor`, or after `delaySeconds`."""

    payload: Payload
    task: Name | None = None
    priority: Priority = 0
    scheduled_for: DueTime | None = None
    delay_seconds: DelaySeconds | None = None
    max_attempts: MaxAttempts | None = None
    tags: Annotated[list[Tag], Field(max_length=limits.TAGS, default_factory=list)]
    ordering_key: Key | None = Field(default=None, description="Items of one key are worked one by one, in order.")
    unique_key: Key | None = Field(default=None, description="No other item of this queue may have it meanwhile.")
    unique_while: UniqueWhile = Field(
        default="active", description="Until it is finished ('active'), or first claimed ('waiting')."
    )
    unique_seconds: UniqueSeconds | None = Field(
        default=None, description="How long the key is held, whatever becomes of the item, in place of `uniqueWhile`."
    )
    on_conflict: OnConflict = Field(
        default="reject",
        description="When the key is held: 409, or the holder's id; 'replace' gives a holder that waits this payload.",
    )

    @field_validator("unique_seconds")
    @classmethod
    def _of_a_key(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("unique_key") is None:
            raise PydanticCustomError("value", "needs a uniqueKey")
        return value

    @field_validator("delay_seconds")
    @classmethod
    def _one_due_time(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("scheduled_for") is not None:
            raise PydanticCustomError("value", "cannot be combined with scheduledFor")
        return value


class EnqueueBatch(Received):
    """Items to be enqueued together, all or none."""

    items: Annotated[list[EnqueueItem], Field(min_length=1, max_length=limits.BATCH_ITEMS)]


class UpdateItem(Changes):
    """Fields of a waiting item to be changed; `scheduledFor` null is at once, `task` null the queue's own."""

    payload: Payload = Field(default_factory=dict)
    task: Name | None = None
    priority: Priority = 0
    scheduled_for: DueTime | None = None
    max_attempts: MaxAttempts = 1
    tags: Annotated[list[Tag], Field(max_length=limits.TAGS, default_factory=list)]


class CancelItem(Received):
    """How long a worker that holds the item may take to stop; not given, and at most, as long as its lease lasts."""

    deadline_seconds: CancelSeconds | None = None


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

    id: str = Field(examples=[EXAMPLE_ID])
    queue_id: str = Field(examples=[EXAMPLE_ID])
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
    unique_key: str | None
    ordering_key: str | None
    worker_id: str | None = Field(description="Who works on it, or did last.")


class HeldItemOut(ItemOut):
    """An item under a lease."""

    lease: int = Field(description="Send this back with every outcome.", examples=[1])
    lease_expires_at: datetime
