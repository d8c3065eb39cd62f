"""Organizations as JSON: what people call them, their limits, and how much of everything they have."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from fairlead.domain import limits
from fairlead.domain.names import slug_problem
from fairlead.wire.base import Changes, Received, Sent
from fairlead.wire.values import EXAMPLE_ID, Name


def _slug(text: str) -> str:
    if problem := slug_problem(text):
        raise PydanticCustomError("value", "{problem}", {"problem": problem})
    return text


_Name = Annotated[Name, Field(examples=["Analytical Engines"])]
Slug = Annotated[str, Field(max_length=limits.SLUG_CHARACTERS, examples=["analytical-engines"]), AfterValidator(_slug)]
MaxQueueDepth = Annotated[int, Field(ge=1, le=limits.QUEUE_DEPTH, examples=[1_000_000])]
MaxConcurrency = Annotated[int, Field(ge=1, le=limits.ORGANIZATION_CONCURRENCY, examples=[100])]


class NewOrganization(Received):
    """An organization to be made; whoever makes it owns it. `slug` is its name in commands, unique everywhere."""

    name: _Name
    slug: Slug


class UpdateOrganization(Changes):
    """Fields of an organization to be changed; what is not given stays."""

    name: _Name = ""
    slug: Slug = ""


class OrganizationOut(Sent):
    """One organization."""

    id: str = Field(examples=[EXAMPLE_ID])
    name: str
    slug: str
    created_at: datetime
    updated_at: datetime


class UpdateLimits(Changes):
    """Limits to be changed; what is not given stays, and null is none."""

    max_queue_depth: MaxQueueDepth | None = None
    max_concurrency: MaxConcurrency | None = None


class LimitsOut(Sent):
    """What an organization may have at most; null is no limit."""

    weight: int = Field(description="Its share of the workers, relative to others; set by whoever runs Fairlead.")
    max_queue_depth: int | None = Field(description="Items that may wait or be worked on in any one queue.")
    max_concurrency: int | None = Field(description="Items that may be worked on at once in all queues.")
    updated_at: datetime


class ItemsByStatus(Sent):
    """How many items are kept in each status, those of deleted queues too."""

    waiting: int
    processing: int
    completed: int
    failed: int
    cancelled: int


class UsageOut(Sent):
    """How much of everything an organization has now."""

    members: int
    queues: int
    schedules: int
    api_keys: int
    items: ItemsByStatus
