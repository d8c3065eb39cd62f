"""Changes of many items at once as JSON: which items, and what became of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fairlead.domain import limits
from fairlead.domain.item_status import ItemStatus
from fairlead.wire.base import Received, Sent
from fairlead.wire.items import CancelSeconds
from fairlead.wire.values import AnId, DueTime, Name, Tag, Text

Ids = Annotated[list[AnId], Field(min_length=1, max_length=limits.BATCH_ITEMS)]


class ItemFilter(Received):
    """Which items; what is not given is no condition. `error` is part of an item's last error, in any case."""

    queue_id: AnId | None = None
    status: ItemStatus | None = Field(default=None, strict=False)
    task: Name | None = None
    tag: Tag | None = None
    error: Annotated[Text, Field(max_length=limits.DESCRIPTION_CHARACTERS)] | None = None
    created_from: DueTime | None = None
    created_before: DueTime | None = None


class Chosen(Received):
    """Items by their ids, or, the oldest first and at most `limit` at a time, by a filter."""

    ids: Ids | None = None
    limit: Annotated[int, Field(ge=1, le=limits.BATCH_ITEMS)] = limits.BATCH_ITEMS
    filter: ItemFilter | None = Field(default=None, validate_default=True)

    @field_validator("filter")
    @classmethod
    def _one_way(cls, value: ItemFilter | None, info: ValidationInfo) -> ItemFilter | None:
        if (value is None) == (info.data.get("ids") is None):
            raise PydanticCustomError("value", "or ids must be given, and not both")
        return value


class CancelItems(Chosen):
    """Items to be cancelled; `deadlineSeconds` as for one."""

    deadline_seconds: CancelSeconds | None = None


class RetryItems(Chosen):
    """Items to be retried; a filter that says no status means the failed ones."""


class Preview(Received):
    """The filter of a change that is not made yet."""

    filter: ItemFilter


class Changed(Sent):
    """The ids of the items that were changed; `more`: there were as many as may be at a time, so send it again."""

    ids: list[str]
    more: bool


class Cancelling(Changed):
    """`stopping` are those of the ids whose workers have been told, and that end when these have stopped."""

    stopping: list[str]


class Count(Sent):
    """How many items a change would be about now."""

    count: int = Field(ge=0, examples=[41])
