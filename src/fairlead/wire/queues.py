"""Queues as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from fairlead.domain import limits
from fairlead.domain.retry import BackoffPolicy
from fairlead.wire.base import Received, Sent
from fairlead.wire.values import DelaySeconds, LeaseSeconds, MaxAttempts, Name


def _storable(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("value", "contains a NUL character")
    return text


class NewQueue(Received):
    """A queue to be made. A null `maxConcurrency` means unlimited; back-off times are in seconds."""

    name: Annotated[Name, Field(examples=["thumbnails"])]
    description: Annotated[str, AfterValidator(_storable), Field(max_length=limits.DESCRIPTION_CHARACTERS)] | None = (
        None
    )
    max_concurrency: Annotated[int, Field(ge=1, le=limits.MAX_CONCURRENCY)] | None = 5
    max_attempts: MaxAttempts = 3
    lease_seconds: LeaseSeconds = 30
    backoff_policy: BackoffPolicy = "exponential"
    backoff_base_seconds: DelaySeconds = 1.0
    backoff_factor: Annotated[float, Field(ge=1, le=100)] = 2.0
    backoff_cap_seconds: DelaySeconds = 3600.0
    backoff_jitter: bool = True
    backoff_delays: Annotated[list[DelaySeconds], Field(max_length=100, default_factory=list)]


class QueueOut(Sent):
    """One queue and its rules."""

    id: str
    name: str
    description: str | None
    max_concurrency: int | None
    max_attempts: int
    lease_seconds: int
    backoff_policy: BackoffPolicy
    backoff_base_seconds: float
    backoff_factor: float
    backoff_cap_seconds: float
    backoff_jitter: bool
    backoff_delays: list[float]
    paused_at: datetime | None
    resume_at: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
