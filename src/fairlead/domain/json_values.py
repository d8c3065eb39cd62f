"""What PostgreSQL's jsonb can keep, checked before anything is stored.

jsonb refuses NUL characters and lone surrogates (SQLSTATE 22P05, 22021) and would silently change integers
beyond what other languages read; a value that fails here is refused whole, with the place named.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

from fairlead.domain.limits import JSON_DEPTH

JsonObject: TypeAlias = dict[str, Any]

_INT64 = 2**63


def problem(value: object, *, depth: int = JSON_DEPTH) -> str | None:
    """Return why `value` cannot be stored as JSON, naming the place, or None when it can."""
    return next(_problems(value, "", depth), None)


def _problems(value: object, place: str, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield from _text_problems(value, place)
    elif isinstance(value, dict | list | tuple):
        yield from _container_problems(value, place, depth)
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield f"{_named(place)} is not a finite number"
    elif isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            yield f"{_named(place)} is an integer beyond 64 bits"
    elif value is not None:
        yield f"{_named(place)} is a {type(value).__name__}, which JSON does not have"


def _container_problems(value: dict[Any, Any] | list[Any] | tuple[Any, ...], place: str, depth: int) -> Iterator[str]:
    if depth == 0:
        yield f"{_named(place)} is nested more than {JSON_DEPTH} levels deep"
        return
    if not isinstance(value, dict):
        for index, inner in enumerate(value):
            yield from _problems(inner, f"{place}[{index}]", depth - 1)
        return
    for key, inner in value.items():
        if not isinstance(key, str):
            yield f"{_named(place)} has a key that is not a string"
            return
        yield from _text_problems(key, f"{place} key")
        yield from _problems(inner, f"{place}.{key}" if place else key, depth - 1)


def _text_problems(text: str, place: str) -> Iterator[str]:
    if "\x00" in text:
        yield f"{_named(place)} contains a NUL character"
    elif not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield f"{_named(place)} contains half of a surrogate pair"


def _named(place: str) -> str:
    return repr(place.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\0")) if place else "it"
