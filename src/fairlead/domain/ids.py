"""Ids in the cuid2 format: 24 characters, base 36, the first a letter, about 123 bits from a CSPRNG.

The cuid2 algorithm hashes several sources because browsers' generators were not trusted; with getrandom(2)
beneath us that adds nothing, so the same format is drawn directly, in blocks. No state: safe across forks
and threads.
"""

from __future__ import annotations

import os
import re
from typing import Final

_LENGTH: Final = 24
_DIGITS: Final = b"0123456789abcdefghijklmnopqrstuvwxyz"
_LETTERS: Final = _DIGITS[10:]
_FORM = re.compile(r"[a-z][0-9a-z]{23}")


def new_ids(count: int) -> list[str]:
    """Return `count` fresh ids."""
    heads, tails, width = _drawn(_LETTERS, count), _drawn(_DIGITS, count * (_LENGTH - 1)), _LENGTH - 1
    return [heads[index] + tails[index * width : (index + 1) * width] for index in range(count)]


def new_id() -> str:
    """Return one fresh id."""
    return new_ids(1)[0]


def is_id(text: object) -> bool:
    """Tell whether `text` has the form of an id; anything else, text or not, cannot name a row."""
    return isinstance(text, str) and _FORM.fullmatch(text) is not None


def _drawn(alphabet: bytes, count: int) -> str:
    """Return `count` characters drawn evenly: random bytes that would favour some characters are thrown away."""
    even = 256 - 256 % len(alphabet)
    table, uneven = (alphabet * (256 // len(alphabet) + 1))[:256], bytes(range(even, 256))
    drawn = b""
    while len(drawn) < count:
        wanted = count - len(drawn)
        drawn += os.urandom(wanted + wanted // 8 + 16).translate(table, uneven)
    return drawn[:count].decode("ascii")
