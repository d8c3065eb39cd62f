"""Expressions as PostgreSQL goes on writing them, however often it has read what it wrote.

`word in ('a', 'b')` over a varchar it writes as a list that is cast as a whole, and when it reads that again it casts
each element. Both are the same, so a model is not different from the revision that was made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_QUOTED: Final = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
_LIST: Final = re.compile(rf"{_QUOTED}|(?P<start>\(ARRAY\[)")
_PART: Final = re.compile(rf"{_QUOTED}|(?P<sign>[\[\](),])")
_CAST: Final = re.compile(r"\)::(?P<type>[^\[\]()]+(?:\(\d+\))?)\[\]")
_FACTS: Final = {"checks", "definition", "expression", "generated", "predicate", "using", "with check"}
_STANDARD_BODY: Final = re.compile(r"\s*(?:begin atomic|return)\b", re.IGNORECASE)


def settled(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a thing with its expressions so; the text of a function is what was written."""
    body = facts.get("body")
    if body is not None and not _STANDARD_BODY.match(body):
        return dict(facts)
    return {fact: _settled(value) if fact in {*_FACTS, "body"} else value for fact, value in facts.items()}


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _settled(one) for name, one in value.items()}
    if not isinstance(value, str):
        return value
    starts = [found.end() for found in _LIST.finditer(value) if found["start"]]
    for start in reversed(starts):  # what is inside of another first
        elements, end = _elements(value, start)
        if cast := _CAST.match(value, end):
            each = ", ".join(f"({element})::{cast['type']}" for element in elements)
            value = f"{value[: start - len('(ARRAY[')]}ARRAY[{each}]{value[cast.end() :]}"
    return value


def _elements(text: str, start: int) -> tuple[list[str], int]:
    """Return what stands between commas from `start` to the closing bracket, and where that ends."""
    elements, depth = [], 0
    for part in _PART.finditer(text, start):
        sign = part["sign"]
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(sign, 0)
        if depth < 0 or (depth == 0 and sign == ","):
            elements.append(text[start : part.start()].strip())
            start = part.end()
        if depth < 0:
            break
    return elements, start
