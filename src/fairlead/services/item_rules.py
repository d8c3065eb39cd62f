"""What an item may hold, checked before anything is stored; every wrong field of every item is named at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from fairlead.domain import json_values, limits
from fairlead.domain.names import name_problem
from fairlead.engine.enqueue import UniqueWhile
from fairlead.errors import ValidationFailed
from fairlead.services.checks import (
    Check,
    instant_problem,
    is_batch,
    named,
    range_problem,
    ranged,
    refuse,
    refuse_fields,
)
from fairlead.services.unique_items import OnConflict


class ItemInput(NamedTuple):
    """An item as somebody wants it enqueued; None means the queue's own rule, at once, or neither unique nor ordered.

    Items of one `ordering_key` are worked strictly one after the other, in the order in which they were enqueued. A
    `unique_key` is held in its queue until the item is finished (`unique_while` 'active'), or until it is first claimed
    ('waiting'), or for `unique_seconds`, whatever becomes of the item; `on_conflict` says what happens when another
    item holds it: 'reject', 'return' its id, or 'replace' its payload if it still waits.
    """

    payload: dict[str, Any]
    task: str | None = None
    priority: int | None = None
    max_attempts: int | None = None
    scheduled_for: datetime | None = None
    delay_seconds: float | None = None
    tags: Sequence[str] = ()
    ordering_key: str | None = None
    unique_key: str | None = None
    unique_while: UniqueWhile = "active"
    unique_seconds: float | None = None
    on_conflict: OnConflict = "reject"

    @property
    def held_while(self) -> UniqueWhile | None:
        """How long the item holds its key, unless that is for a period or it has none."""
        return None if self.unique_key is None or self.unique_seconds is not None else self.unique_while


def check_items(items: Sequence[ItemInput]) -> None:
    """Raise ValidationFailed unless all `items` can be enqueued together."""
    if not is_batch(items):
        raise ValidationFailed(details={"items": f"must be 1 to {limits.BATCH_ITEMS:,} items"})
    if _are_plainly_fine(items):
        return
    details = {
        f"items[{index}].{field}": problem for index, item in enumerate(items) for field, problem in _problems(item)
    }
    if details:
        raise ValidationFailed(details=details)


def problems_of(item: ItemInput) -> dict[str, str]:
    """Return what is wrong with one item, by field; nothing when it can be enqueued."""
    return {} if _are_plainly_fine([item]) else dict(_problems(item))


def check_changes(changes: Mapping[str, Any]) -> None:
    """Raise ValidationFailed unless these fields of an item can be changed, and to these values."""
    refuse_fields(changes, checks=_CHECKS)


def check_object(field: str, value: object, *, most_bytes: int) -> None:
    """Raise ValidationFailed unless `value` is None or a JSON object that can be stored."""
    refuse({field: optional_object_problem(value, most_bytes=most_bytes)})


def optional_object_problem(value: object, *, most_bytes: int) -> str | None:
    """Return why `value` is neither None nor a JSON object that can be stored."""
    return None if value is None else _object_problem(value, most_bytes)


def result_problem(value: object) -> str | None:
    """Return why `value` is not a JSON value that can be stored as what came of an item."""
    return json_values.value_problem(value, write=orjson.dumps, most_bytes=limits.RESULT_BYTES)


def _are_plainly_fine(items: Collection[Any]) -> bool:
    """Tell quickly of items with nothing but payloads, as most are, whether all of them are acceptable.

    Most batches are no larger than one payload may be, so that none needs to be written by itself.
    """
    payloads = [item[0] for item in items if type(item) is ItemInput and item[1:] == _ONLY_PAYLOAD]
    if len(payloads) < len(items) or not all(map(json_values.is_fine_object, payloads)):
        return False
    return len(orjson.dumps(payloads)) <= limits.PAYLOAD_BYTES or all(map(_is_small, payloads))


def _is_small(payload: dict[str, Any]) -> bool:
    return len(orjson.dumps(payload)) <= limits.PAYLOAD_BYTES


def _problems(item: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(item, ItemInput):
        yield "payload", "must be given in an ItemInput: ItemInput({…})"
        return
    if problem := _payload_problem(item.payload):
        yield "payload", problem
    if not has_only_payload(item):
        yield from _option_problems(item)


def has_only_payload(item: ItemInput) -> bool:
    """Tell whether everything but the payload is left to the queue."""
    return item[1:] == _ONLY_PAYLOAD


def _option_problems(item: ItemInput) -> Iterator[tuple[str, str]]:
    found = {
        "task": _task_problem(item.task),
        "priority": range_problem(item.priority, least=-limits.PRIORITY, most=limits.PRIORITY, whole=True),
        "max_attempts": range_problem(item.max_attempts, least=1, most=limits.MAX_ATTEMPTS, whole=True),
        "delay_seconds": range_problem(item.delay_seconds, least=0, most=limits.DELAY_SECONDS),
        "scheduled_for": _due_problem(item),
        "tags": _tags_problem(item.tags),
        "ordering_key": _key_problem(item.ordering_key),
        **_unique_problems(item),
    }
    return ((field, problem) for field, problem in found.items() if problem is not None)


def _unique_problems(item: ItemInput) -> dict[str, str | None]:
    seconds = item.unique_seconds
    return {
        "unique_key": _key_problem(item.unique_key),
        "unique_while": _choice_problem(item.unique_while, ("active", "waiting")),
        "unique_seconds": "needs a unique_key"
        if seconds is not None and item.unique_key is None
        else range_problem(seconds, least=1, most=limits.DELAY_SECONDS),
        "on_conflict": _choice_problem(item.on_conflict, ("reject", "return", "replace")),
    }


def _key_problem(value: Any) -> str | None:
    """Return why a unique or ordering key is unacceptable: any text that can be stored, of a bounded length."""
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        return "must be text"
    if len(value) > limits.KEY_CHARACTERS:
        return f"is longer than {limits.KEY_CHARACTERS} characters"
    return "contains a character that cannot be stored" if json_values.problem(value) else None


def _choice_problem(value: Any, choices: Sequence[str]) -> str | None:
    return None if value in choices else f"must be one of {', '.join(choices)}"


def _due_problem(item: ItemInput) -> str | None:
    if item.scheduled_for is not None and item.delay_seconds is not None:
        return "cannot be combined with a delay"
    return instant_problem(item.scheduled_for)


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
    "scheduled_for": instant_problem,
    "task": _task_problem,
    "tags": _tags_problem,
}
_ONLY_PAYLOAD: Final = ItemInput({})[1:]
