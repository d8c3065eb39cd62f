"""Which columns are secret: what a model says, and for everybody else's models what a column is called.

A model decides with `info={"secret": True}` (or Fairlead's own `{"hidden": True}`), and opens a column that only sounds
secret with `info={"secret": False}`. Otherwise the name decides, for columns that can hold a secret at all: an instant,
a number or a flag cannot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_WORDS: Final = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|passphrase|passcode|pass|secret|secrets|token|tokens|hash|hashed|digest|salt|pepper|otp|totp|mfa"
    r"|pin|cvv|cvc|ssn|iban|credential|credentials|cookie|session_key|api_?key|private_?key|access_?key|secret_?key"
    r"|signing_?key|encryption_?key|recovery_?codes?|backup_?codes?)(?:$|_(?:hash|hashed|digest|enc|encrypted|value|data|b64|hex))",
    re.IGNORECASE,
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HOLDS_NOTHING: Final = frozenset("BDTN")  # PostgreSQL's categories: boolean, date/time, timespan, numeric


def is_secret(name: str, *, info: Mapping[Any, Any], category: str) -> bool:
    """Return whether a column's values may never be shown; `category` is PostgreSQL's `typcategory`."""
    if "secret" in info:
        return bool(info["secret"])
    if info.get("hidden"):
        return True
    return category not in _HOLDS_NOTHING and bool(_WORDS.search(_CAMEL.sub("_", name)))
