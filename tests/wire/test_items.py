from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from pydantic.alias_generators import to_snake as snake

from fairlead.wire.base import Received
from fairlead.wire.items import EnqueueBatch, EnqueueItem
from fairlead.wire.leases import ClaimItems, CompleteItem, FailItem, ReleaseItem, RenewItem
from fairlead.wire.queues import NewQueue

MINIMAL: dict[type[Received], dict[str, Any]] = {
    EnqueueItem: {"payload": {}},
    EnqueueBatch: {"items": [{"payload": {}}]},
    NewQueue: {"name": "n"},
    ClaimItems: {"limit": 1},
    RenewItem: {"lease": 1},
    CompleteItem: {"lease": 1},
    FailItem: {"lease": 1, "error": "e"},
    ReleaseItem: {"lease": 1},
}


@pytest.mark.parametrize("shape", MINIMAL)
def test_shapes_take_what_they_need_and_nothing_else(shape: type[Received]) -> None:
    """Each body is accepted with its required fields alone, and refused without one or with an unknown one."""
    body = MINIMAL[shape]

    assert shape.model_validate(body).model_dump(by_alias=True, exclude_unset=True) == body
    for wrong in ({**body, "extra": 1}, *({k: v for k, v in body.items() if k != name} for name in body)):
        with pytest.raises(ValidationError):
            shape.model_validate(wrong)


@pytest.mark.parametrize("shape", MINIMAL)
def test_names_are_the_wires_only(shape: type[Received]) -> None:
    """A field is known by its camelCase name and by no other."""
    for name, field in shape.model_fields.items():
        if field.alias != name:
            with pytest.raises(ValidationError, match="extra_forbidden"):
                shape.model_validate({**MINIMAL[shape], name: None})


@pytest.mark.parametrize(
    ("shape", "field", "wrong"),
    [
        (EnqueueItem, "priority", True),
        (EnqueueItem, "priority", "5"),
        (EnqueueItem, "priority", 5.0),
        (EnqueueItem, "priority", None),
        (EnqueueItem, "delaySeconds", True),
        (EnqueueItem, "delaySeconds", "5"),
        (EnqueueItem, "tags", "a"),
        (EnqueueItem, "tags", [1]),
        (EnqueueItem, "payload", "{}"),
        (NewQueue, "backoffJitter", "true"),
        (NewQueue, "name", 5),
        (ClaimItems, "limit", "1"),
        (FailItem, "retry", 0),
        (CompleteItem, "lease", 1.0),
    ],
)
def test_nothing_is_converted(shape: type[Received], field: str, wrong: Any) -> None:
    """A value of another JSON type is refused, never read as if it were the right one."""
    with pytest.raises(ValidationError):
        shape.model_validate({**MINIMAL[shape], field: wrong})


@pytest.mark.parametrize(("field", "value"), [("delaySeconds", 5), ("scheduledFor", "2030-01-31t09:30:00z")])
def test_what_json_leaves_open_is_accepted(field: str, value: Any) -> None:
    """A whole number is a number of seconds, and an instant may be written in either case."""
    assert EnqueueItem.model_validate({"payload": {}, field: value}).model_fields_set == {"payload", snake(field)}
