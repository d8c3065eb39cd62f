"""Values inside the JSON shapes that need more than a type: objects that can be stored, instants, names.

The rules are the domain's; here they become pydantic types, so that one pass names every wrong field.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, Strict
from pydantic_core import PydanticCustomError

from fairlead.domain import json_values, limits
from fairlead.domain.names import name_problem

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
T = TypeVar("T")
EXAMPLE_ID: Final = "k3f9x2m7q1w8e5r4t6y0u2i9"
_YEARS: Final = range(1970, 9999)  # every zone's reading of an instant stays within what datetime can hold


def due_problem(instant: datetime) -> str | None:
    """Return why an instant cannot be when an item becomes due, or None when it can."""
    if instant.tzinfo is None:
        return "must say its time zone"
    return None if instant.year in _YEARS else f"must be in the years {_YEARS[0]} to {_YEARS[-1]}"


def _payload(value: dict[str, Any]) -> dict[str, Any]:
    problem = json_values.object_problem(value, write=orjson.dumps, most_bytes=limits.PAYLOAD_BYTES)
    return _accepted(value, problem)


def _progress(value: dict[str, Any]) -> dict[str, Any]:
    problem = json_values.object_problem(value, write=orjson.dumps, most_bytes=limits.RESULT_BYTES)
    return _accepted(value, problem)


def _result(value: Any) -> Any:
    problem = json_values.value_problem(value, write=orjson.dumps, most_bytes=limits.RESULT_BYTES)
    return _accepted(value, problem)


def _name(text: str) -> str:
    return _accepted(text, name_problem(text))


def _tag(text: str) -> str:
    return _accepted(text, name_problem(text, most=limits.TAG_CHARACTERS))


def _text(text: str) -> str:
    return _accepted(text, "contains a character that cannot be stored" if json_values.problem(text) else None)


def _due(instant: datetime) -> datetime:
    return _accepted(instant, due_problem(instant))


def _rfc_3339(value: object) -> object:
    """Let only RFC 3339 text on to pydantic, which would take numbers and much else for an instant."""
    fits = isinstance(value, str) and _RFC_3339.fullmatch(value) is not None
    return _accepted(value, None if fits else "must be an RFC 3339 instant, like 2027-01-31T09:30:00Z")


def _accepted(value: T, problem: str | None) -> T:
    if problem is not None:
        raise PydanticCustomError("value", "{problem}", {"problem": problem})
    return value


Payload = Annotated[dict[str, Any], Field(examples=[{"url": "https://example.org/a"}]), AfterValidator(_payload)]
Progress = Annotated[dict[str, Any], Field(examples=[{"bytes": 1024}]), AfterValidator(_progress)]
Result = Annotated[
    Any,
    Field(description="Any JSON value; null for nothing.", examples=[{"bytes": 1024}]),
    AfterValidator(_result),
]
Name = Annotated[str, Field(min_length=1, max_length=limits.NAME_CHARACTERS), AfterValidator(_name)]
Tag = Annotated[str, Field(min_length=1, max_length=limits.TAG_CHARACTERS), AfterValidator(_tag)]
Text = Annotated[str, AfterValidator(_text)]
Key = Annotated[str, Field(min_length=1, max_length=limits.KEY_CHARACTERS), AfterValidator(_text)]
AnId = Annotated[str, Field(max_length=limits.KEY_CHARACTERS, examples=[EXAMPLE_ID]), AfterValidator(_text)]
DueTime = Annotated[datetime, Strict(strict=False), BeforeValidator(_rfc_3339), AfterValidator(_due)]
Priority = Annotated[int, Field(ge=-limits.PRIORITY, le=limits.PRIORITY)]
MaxAttempts = Annotated[int, Field(ge=1, le=limits.MAX_ATTEMPTS)]
LeaseSeconds = Annotated[int, Field(ge=1, le=limits.LEASE_SECONDS)]
DelaySeconds = Annotated[float, Field(ge=0, le=limits.DELAY_SECONDS)]
LeaseNumber = Annotated[
    int, Field(ge=1, le=2**31 - 1, description="The fencing number that the claim gave out.", examples=[1])
]
