"""Tokens that stand for somebody: 256 random bits as text; only a hash of one is ever kept.

There is so much chance in a token that nobody guesses it back from a plain SHA-256;
a slow hash would cost each request.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

SESSION_PREFIX: Final = "fls_"
_BYTES: Final = 32
_SESSION: Final = re.compile(rf"{SESSION_PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)


def new_token(prefix: str = "") -> str:
    """Draw a token."""
    return prefix + secrets.token_urlsafe(_BYTES)


def token_hash(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_session_token(text: str) -> bool:
    """Tell whether text has the form of a session's token; what has not needs no query."""
    return _SESSION.fullmatch(text) is not None
