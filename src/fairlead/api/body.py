"""Request bodies, parsed strictly: what PostgreSQL or another language would read differently is refused, with 400.

That is: anything but UTF-8, duplicate keys, NaN and infinities, integers beyond 64 bits, NUL characters, lone
surrogates, and nesting deeper than any shape needs. A body is never read further than the limit.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request

from fairlead.domain import json_values
from fairlead.domain.limits import BODY_BYTES, JSON_DEPTH
from fairlead.errors import PayloadTooLarge, UnsupportedMediaType, ValidationFailed

NDJSON: Final = "application/x-ndjson"
_DEPTH: Final = JSON_DEPTH + 3  # a payload's own depth, below an item, a list of items and the body
# A string whose end is missing still matches, so that no body makes this slower than linear.
_NOT_BRACKETS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[^\[\]{}"]++', re.DOTALL)
_INTEGER_DIGITS: Final = 20  # -2^63 has 19 digits and a sign; longer ones are not even converted


async def read_json(request: Request) -> tuple[bytes, Any]:
    """Return a request's body, raw and parsed.

    Raises UnsupportedMediaType, PayloadTooLarge (without reading on) and ValidationFailed.
    """
    if media_type(request.headers) != "application/json":
        raise UnsupportedMediaType
    body = bytearray()
    async for chunk in read_chunks(request, most=BODY_BYTES):
        body += chunk
    return bytes(body), parse_json(bytes(body))


async def read_chunks(request: Request, *, most: int) -> AsyncIterator[bytes]:
    """Yield a body as it comes; raises PayloadTooLarge, without reading on, when it is larger than `most` bytes."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise _too_large(most)
    size = 0
    request.state.arriving = True
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        yield chunk
    request.state.arriving = False


def has_arrived(request: Request) -> bool:
    """Tell whether all of a request is here, as far as anybody read it."""
    return not getattr(request.state, "arriving", False)


def media_type(headers: Headers) -> str:
    """Return what a body is said to be, without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def announces_body(request: Request) -> bool:
    """Tell whether a request comes with a body at all; an operation may do without one."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def parse_json(body: bytes) -> Any:
    """Parse strictly; raises ValidationFailed that says what is wrong and where."""
    _check_depth(body)
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _refused(f"is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _refused(f"is not JSON at character {error.pos}: {error.msg}") from None
    # Only an escape can bring a NUL or half a surrogate pair past the decoder.
    if b"\\u" in body and (problem := json_values.problem(value, depth=_DEPTH)):
        raise _refused(problem)
    return value


def _check_depth(body: bytes) -> None:
    """Refuse deep nesting before the recursive parser sees it: what is left of the brackets shrinks a level a turn."""
    if body.count(b"[") + body.count(b"{") <= _DEPTH:
        return
    brackets = _NOT_BRACKETS.sub(b"", body)
    for _ in range(_DEPTH):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return
    raise _refused(f"is nested more than {_DEPTH} levels deep, or its brackets do not match")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        [(twice, _count)] = Counter(key for key, _ in pairs).most_common(1)
        raise _refused(f"has the key {twice[:100]!r} twice in one object")
    return value


def _constant(name: str) -> Any:
    raise _refused(f"contains {name}, which is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS or not -(2**63) <= (value := int(digits)) < 2**63:
        raise _refused(f"contains an integer beyond 64 bits: {digits[:_INTEGER_DIGITS]}…")
    return value


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _refused(f"contains a number beyond what a double can hold: {digits[:_INTEGER_DIGITS]}…")
    return value


# Made once: making one costs as much as reading a small body.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_number
)


def _refused(problem: str) -> ValidationFailed:
    return ValidationFailed("The body cannot be read.", details={"body": problem})


def _too_large(most: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {most:,} bytes.")
