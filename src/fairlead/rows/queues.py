"""Generated from schema/queues.py by `make golden`; do not edit.

`Queue` is one row of `queues` as it is read, `NewQueue` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue of one organization. Limits: null means none. Back-off times are in seconds."""

    id: str
    organization_id: str
    name: str
    description: str | None
    max_concurrency: int | None
    max_attempts: int
    lease_seconds: int
    backoff_policy: str
    backoff_base_seconds: float
    backoff_factor: float
    backoff_cap_seconds: float
    backoff_jitter: bool
    rate_limit: int | None
    rate_period_seconds: int
    max_depth: int | None
    retention_seconds: int | None
    paused_at: datetime | None
    resume_at: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    backoff_delays: list[float]


class NewQueue(TypedDict):
    """What may be given for a new row of `queues`."""

    id: NotRequired[str]
    name: str
    description: NotRequired[str | None]
    max_concurrency: NotRequired[int | None]
    max_attempts: NotRequired[int]
    lease_seconds: NotRequired[int]
    backoff_policy: NotRequired[str]
    backoff_base_seconds: NotRequired[float]
    backoff_factor: NotRequired[float]
    backoff_cap_seconds: NotRequired[float]
    backoff_jitter: NotRequired[bool]
    rate_limit: NotRequired[int | None]
    rate_period_seconds: NotRequired[int]
    max_depth: NotRequired[int | None]
    retention_seconds: NotRequired[int | None]
    paused_at: NotRequired[datetime | None]
    resume_at: NotRequired[datetime | None]
    created_by: NotRequired[str | None]
    created_at: NotRequired[datetime]
    updated_at: NotRequired[datetime]
    deleted_at: NotRequired[datetime | None]
    backoff_delays: NotRequired[list[float]]
