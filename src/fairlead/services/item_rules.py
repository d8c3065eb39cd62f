"""What an item may hold, checked before anything is stored; every wrong field of every item is named at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from fairlead.domain import json_values, limits
from fairlead.domain.names import name_problem
from fairlead.errors import ValidationFailed
from fairlead.services.checks import range_problem
from fairlead.wire.values import due_problem, object_problem


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


def check_object(field: str, value: object, *, most_bytes: int) -> None:
    """Raise ValidationFailed unless `value` is None or a JSON object that can be stored."""
    if value is not None and (problem := object_problem(value, most_bytes=most_bytes)):
        raise ValidationFailed(details={field: problem})


def storable_error(text: str) -> str:
    """Return an error text as it is kept: cut, never refused; what PostgreSQL cannot keep is replaced."""
    kept = text[: limits.ERROR_CHARACTERS].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return kept.encode("utf-8", "replace").decode("utf-8")


def _problems(item: ItemInput) -> Iterator[tuple[str, str]]:
    if problem := object_problem(item.payload, most_bytes=limits.PAYLOAD_BYTES):
        yield "payload", problem
    if not _has_only_payload(item):
        yield from _option_problems(item)


def _has_only_payload(item: ItemInput) -> bool:
    options = (item.task, item.priority, item.max_attempts, item.delay_seconds, item.scheduled_for)
    return options == (None, None, None, None, None) and not item.tags


def _option_problems(item: ItemInput) -> Iterator[tuple[str, str]]:
    found = {
        "task": None if item.task is None else name_problem(item.task),
        "priority": range_problem(item.priority, least=-limits.PRIORITY, most=limits.PRIORITY),
        "max_attempts": range_problem(item.max_attempts, least=1, most=limits.MAX_ATTEMPTS),
        "delay_seconds": range_problem(item.delay_seconds, least=0, most=limits.DELAY_SECONDS),
        "scheduled_for": _due_problem(item),
        "tags": _tags_problem(item.tags),
    }
    return ((field, problem) for field, problem in found.items() if problem is not None)


def _due_problem(item: ItemInput) -> str | None:
    if item.scheduled_for is None:
        return None
    if item.delay_seconds is not None:
        return "cannot be combined with a delay"
    return due_problem(item.scheduled_for)


def _tags_problem(tags: Sequence[str]) -> str | None:
    if len(tags) > limits.TAGS:
        return f"are more than {limits.TAGS}"
    problems = (json_values.problem(tag) or name_problem(tag, most=limits.TAG_CHARACTERS) for tag in tags)
    return next((f"one of them {problem}" for problem in problems if problem), None)
