"""Passwords: one form for each, and what makes one unacceptable; no rules of composition, which help nobody.

A password is compared in Unicode's NFKC form, so that it is the same from every keyboard.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from fairlead.domain.limits import PASSWORD_BYTES


def canonical_password(text: str) -> str:
    """Return the one form in which a password is hashed and compared."""
    return unicodedata.normalize("NFKC", text)


def password_problem(text: str, *, common: Collection[str], email: str = "") -> str | None:
    """Return why a password is unacceptable, or None; `common` are those that everybody tries first, in lower case.

    `email` is the address it would be used with, which is tried just as soon.
    """
    canonical = canonical_password(text)
    try:
        size = len(canonical.encode())
    except UnicodeEncodeError:
        return "contains half of a surrogate pair"
    if size not in PASSWORD_BYTES:
        return f"must be {PASSWORD_BYTES[0]} to {PASSWORD_BYTES[-1]:,} bytes long"
    lowered = canonical.lower()
    if lowered in common or len(set(lowered)) == 1 or lowered in {email, email.partition("@")[0]}:
        return "is one of those that are tried first; choose another"
    return None
