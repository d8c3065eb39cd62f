"""What PostgreSQL's jsonb can keep, checked before anything is stored.

jsonb refuses NUL characters and lone surrogates (SQLSTATE 22P05, 22021) and would silently change integers
beyond what other languages read; a value that fails here is refused whole, with the place named. Only text that nobody
could send again, such as an error's, is mended instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from fairlead.domain.limits import JSON_DEPTH

JsonObject: TypeAlias = dict[str, Any]

_INT64 = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")


def problem(value: object, *, depth: int = JSON_DEPTH) -> str | None:
    """Return why `value` cannot be stored as JSON, naming the place, or None when it can."""
    return None if _is_fine(value, depth) else next(_problems(value, "", depth), None)


def is_fine_object(value: object) -> bool:
    """Tell quickly whether `value` is a JSON object that can be stored; `problem` may still find nothing wrong."""
    return type(value) is dict and _is_fine_dict(value, JSON_DEPTH - 1)


def object_problem(value: object, *, write: Callable[[Any], bytes], most_bytes: int) -> str | None:
    """Return why `value` is not a JSON object that can be stored in `most_bytes`, as `write` writes it, or None."""
    if not isinstance(value, dict):
        return "must be a JSON object"
    return value_problem(value, write=write, most_bytes=most_bytes)


def value_problem(value: object, *, write: Callable[[Any], bytes], most_bytes: int) -> str | None:
    """Return why `value` is not a JSON value that can be stored in `most_bytes`, as `write` writes it, or None."""
    if found := problem(value):
        return found
    size = len(write(value))
    return f"is {size:,} bytes long, more than {most_bytes:,}" if size > most_bytes else None


def storable(text: str, *, most: int) -> str:
    """Return the text as it can be kept, in at most so many characters: what cannot be kept is written out."""
    kept = text[:most].replace("\x00", "\\0")
    whole = kept if kept.isascii() else kept.encode("utf-8", "backslashreplace").decode()
    return whole[:most]


def _is_fine(value: Any, depth: int) -> bool:
    """Tell quickly whether nothing at all is wrong; what it doubts, `_problems` judges and names."""
    kind = type(value)
    if kind is str:
        return _is_fine_text(value)
    if kind is int:
        return bool(-_INT64 <= value < _INT64)
    if kind is dict:
        return depth > 0 and _is_fine_dict(value, depth - 1)
    if kind is list:
        return depth > 0 and all(_is_fine(inner, depth - 1) for inner in value)
    return value is None or kind is bool or bool(kind is float and math.isfinite(value))


def _is_fine_dict(value: dict[Any, Any], depth: int) -> bool:
    """Judge an object's keys and values; a generator over them, or a call for each text, would take twice the time."""
    for key, inner in value.items():
        if type(key) is not str or not ((key.isascii() and "\x00" not in key) or _is_fine_text(key)):
            return False
        if type(inner) is str and inner.isascii() and "\x00" not in inner:
            continue
        if not _is_fine(inner, depth):
            return False
    return True


def _is_fine_text(text: str) -> bool:
    return "\x00" not in text and (text.isascii() or not _SURROGATE.search(text))


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
    elif _SURROGATE.search(text):
        yield f"{_named(place)} contains half of a surrogate pair"


def _named(place: str) -> str:
    return repr(place.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\0")) if place else "it"
