"""Generated from schema/queue_items.py by `make golden`; do not edit.

`QueueItem` is one row of `queue_items` as it is read, `NewQueueItem` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from fairlead.domain.item_status import ItemStatus


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One piece of work. `claims` counts every claim and is never reset: with the id it is the lease's fence."""

    id: str
    organization_id: str
    queue_id: str
    payload: dict[str, Any]
    status: ItemStatus
    priority: int
    attempts: int
    max_attempts: int
    error_message: str | None
    scheduled_for: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    task: str | None
    unique_key: str | None
    ordering_key: str | None
    result: Any | None
    errors: list[dict[str, Any]]
    progress: dict[str, Any] | None
    lease_expires_at: datetime | None
    worker_id: str | None
    claims: int
    seq: int
    ready: bool
    trace: str | None
    tags: list[str]
    finished_at: datetime
    unique_while: str | None
    blocked: bool
    counted: bool
    cancel_requested_at: datetime | None


class NewQueueItem(TypedDict):
    """What may be given for a new row of `queue_items`."""

    id: NotRequired[str]
    queue_id: str
    payload: dict[str, Any]
    status: NotRequired[ItemStatus]
    priority: NotRequired[int]
    attempts: NotRequired[int]
    max_attempts: NotRequired[int]
    error_message: NotRequired[str | None]
    scheduled_for: NotRequired[datetime | None]
    started_at: NotRequired[datetime | None]
    completed_at: NotRequired[datetime | None]
    created_at: NotRequired[datetime]
    task: NotRequired[str | None]
    unique_key: NotRequired[str | None]
    ordering_key: NotRequired[str | None]
    result: NotRequired[Any | None]
    errors: NotRequired[list[dict[str, Any]]]
    progress: NotRequired[dict[str, Any] | None]
    lease_expires_at: NotRequired[datetime | None]
    worker_id: NotRequired[str | None]
    claims: NotRequired[int]
    seq: NotRequired[int]
    ready: NotRequired[bool]
    trace: NotRequired[str | None]
    tags: NotRequired[list[str]]
    finished_at: NotRequired[datetime]
    unique_while: NotRequired[str | None]
    blocked: NotRequired[bool]
    counted: NotRequired[bool]
    cancel_requested_at: NotRequired[datetime | None]
