"""Ids in the cuid2 format: 24 characters, base 36, the first a letter, about 123 bits from a CSPRNG.

The cuid2 algorithm hashes several sources because browsers' generators were not trusted; with getrandom(2)
beneath us that adds nothing, so the same format is drawn directly, in blocks. No state: safe across forks
and threads.
"""

from __future__ import annotations

import os
import re

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TRIPLES = [a + b + c for a in _DIGITS for b in _DIGITS for c in _DIGITS]
_HEADS = [a + b + c for a in _DIGITS[10:] for b in _DIGITS for c in _DIGITS]
_WORDS_AN_ID = 8  # 64-bit words; the bias of one modulo below is under 3e-15
_FORM = re.compile(r"[a-z][0-9a-z]{23}")


def new_ids(count: int) -> list[str]:
    """Return `count` fresh ids."""
    words = memoryview(os.urandom(8 * _WORDS_AN_ID * count)).cast("Q").tolist()
    heads, triples = len(_HEADS), len(_TRIPLES)
    return [
        _HEADS[words[start] % heads]
        + "".join([_TRIPLES[word % triples] for word in words[start + 1 : start + _WORDS_AN_ID]])
        for start in range(0, len(words), _WORDS_AN_ID)
    ]


def new_id() -> str:
    """Return one fresh id."""
    return new_ids(1)[0]


def is_id(text: str) -> bool:
    """Tell whether `text` has the form of an id; anything else cannot name a row."""
    return _FORM.fullmatch(text) is not None
