"""Queues as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from fairlead.domain import limits
from fairlead.domain.retry import BackoffPolicy
from fairlead.wire.base import Changes, Received, Sent
from fairlead.wire.values import EXAMPLE_ID, DelaySeconds, DueTime, LeaseSeconds, MaxAttempts, Name, Text

QueueName = Annotated[
    Name, Field(description="None that begins with `fairlead:`; those are Fairlead's own.", examples=["thumbnails"])
]
MaxConcurrency = Annotated[int, Field(ge=1, le=limits.MAX_CONCURRENCY)]
Factor = Annotated[float, Field(ge=1, le=100)]
Delays = Annotated[list[DelaySeconds], Field(max_length=100, default_factory=list)]
Description = Annotated[Text, Field(max_length=limits.DESCRIPTION_CHARACTERS)]
RateLimit = Annotated[int, Field(ge=1, le=limits.RATE)]
RatePeriod = Annotated[int, Field(ge=1, le=limits.DELAY_SECONDS)]
MaxDepth = Annotated[int, Field(ge=1, le=limits.QUEUE_DEPTH)]
Retention = Annotated[int, Field(ge=0, le=limits.RETENTION_SECONDS)]


class QueueRules(Received):
    """How a queue's items are worked. A limit of null is none; times are in seconds."""

    description: Description | None = None
    max_concurrency: MaxConcurrency | None = 5
    max_attempts: MaxAttempts = 3
    lease_seconds: LeaseSeconds = 30
    backoff_policy: BackoffPolicy = "exponential"
    backoff_base_seconds: DelaySeconds = 1.0
    backoff_factor: Factor = 2.0
    backoff_cap_seconds: DelaySeconds = 3600.0
    backoff_jitter: bool = True
    backoff_delays: Delays
    rate_limit: RateLimit | None = Field(default=None, description="Items started in any `ratePeriodSeconds`.")
    rate_period_seconds: RatePeriod = 60
    max_depth: MaxDepth | None = Field(default=None, description="Items that may wait or be worked on at once.")
    retention_seconds: Retention | None = Field(default=604_800, description="How long finished items are kept.")


class NewQueue(QueueRules):
    """A queue to be made; a rule that is not given has its default."""

    name: QueueName


class UpdateQueue(QueueRules, Changes):
    """Fields of a queue to be changed; what is not given stays."""

    name: QueueName = ""


class PauseQueue(Received):
    """Until when; not given, until it is resumed."""

    resume_at: DueTime | None = None


class QueueOut(Sent):
    """One queue and its rules."""

    id: str = Field(examples=[EXAMPLE_ID])
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


class QueueStats(Sent):
    """How many items a queue has in each status, and the ready one that has waited longest, `at` an instant."""

    queue_id: str = Field(examples=[EXAMPLE_ID])
    queue_name: str
    waiting: int = Field(description="Those that are for later, or behind their ordering key, too.")
    processing: int
    completed: int
    failed: int
    cancelled: int
    at: datetime
    oldest_id: str | None
    oldest_since: datetime | None
    oldest_seconds: float | None


class Purged(Sent):
    """How many items were removed."""

    items: int
