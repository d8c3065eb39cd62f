"""What an item may hold, checked before anything is stored; every wrong field of every item is named at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from fairlead.domain import json_values, limits
from fairlead.domain.names import name_problem
from fairlead.errors import ValidationFailed
from fairlead.services.checks import Check, named, range_problem, ranged, refuse_fields
from fairlead.wire.values import due_problem


class ItemInput(NamedTuple):
    """An item as somebody wants it enqueued; None means the queue's own rule, or at once."""

    payload: dict[str, Any]
    task: str | None = None
    priority: int | None = None
    max_attempts: int | None = None
    scheduled_for: datetime | None = None
    delay_seconds: float | None = None
    tags: Sequence[str] = ()


def check_items(items: Sequence[ItemInput]) -> None:
    """Raise ValidationFailed unless all `items` can be enqueued together."""
    if not 1 <= len(items) <= limits.BATCH_ITEMS:
        raise ValidationFailed(details={"items": f"must be 1 to {limits.BATCH_ITEMS:,} items"})
    details = {
        f"items[{index}].{field}": problem for index, item in enumerate(items) for field, problem in _problems(item)
    }
    if details:
        raise ValidationFailed(details=details)


def check_changes(changes: Mapping[str, Any]) -> None:
    """Raise ValidationFailed unless these fields of an item can be changed, and to these values."""
    refuse_fields(changes, checks=_CHECKS)


def check_object(field: str, value: object, *, most_bytes: int) -> None:
    """Raise ValidationFailed unless `value` is None or a JSON object that can be stored."""
    if value is not None and (problem := _object_problem(value, most_bytes)):
        raise ValidationFailed(details={field: problem})


def _problems(item: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(item, ItemInput):
        yield "payload", "must be given in an ItemInput: ItemInput({…})"
        return
    if problem := _payload_problem(item.payload):
        yield "payload", problem
    if not _has_only_payload(item):
        yield from _option_problems(item)


def _has_only_payload(item: ItemInput) -> bool:
    options = (item.task, item.priority, item.max_attempts, item.delay_seconds, item.scheduled_for)
    return options == (None, None, None, None, None) and not item.tags


def _option_problems(item: ItemInput) -> Iterator[tuple[str, str]]:
    found = {
        "task": _task_problem(item.task),
        "priority": range_problem(item.priority, least=-limits.PRIORITY, most=limits.PRIORITY, whole=True),
        "max_attempts": range_problem(item.max_attempts, least=1, most=limits.MAX_ATTEMPTS, whole=True),
        "delay_seconds": range_problem(item.delay_seconds, least=0, most=limits.DELAY_SECONDS),
        "scheduled_for": _due_problem(item),
        "tags": _tags_problem(item.tags),
    }
    return ((field, problem) for field, problem in found.items() if problem is not None)


def _due_problem(item: ItemInput) -> str | None:
    if item.scheduled_for is not None and item.delay_seconds is not None:
        return "cannot be combined with a delay"
    return _schedule_problem(item.scheduled_for)


def _schedule_problem(value: Any) -> str | None:
    if value is None:
        return None
    return due_problem(value) if isinstance(value, datetime) else "must be an instant"


def _task_problem(value: Any) -> str | None:
    return None if value is None else named(value)


def _tags_problem(value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return "must be a list of texts"
    if len(value) > limits.TAGS:
        return f"are more than {limits.TAGS}"
    return next((f"one of them {problem}" for tag in value if (problem := _tag_problem(tag))), None)


def _tag_problem(value: Any) -> str | None:
    return name_problem(value, most=limits.TAG_CHARACTERS) if isinstance(value, str) else "is not text"


def _payload_problem(value: object) -> str | None:
    return _object_problem(value, limits.PAYLOAD_BYTES)


def _object_problem(value: object, most_bytes: int) -> str | None:
    return json_values.object_problem(value, write=orjson.dumps, most_bytes=most_bytes)


_CHECKS: Final[dict[str, Check]] = {
    "payload": _payload_problem,
    "priority": ranged(-limits.PRIORITY, limits.PRIORITY),
    "max_attempts": ranged(1, limits.MAX_ATTEMPTS),
    "scheduled_for": _schedule_problem,
    "task": _task_problem,
    "tags": _tags_problem,
}
