"""Names people give: one canonical form for each, and what makes one unacceptable."""

from __future__ import annotations

import re
import unicodedata

from fairlead.domain.limits import EMAIL_CHARACTERS, NAME_CHARACTERS, SLUG_CHARACTERS

_SLUG_OF_CHARACTERS = SLUG_CHARACTERS - 10  # leaves room for what makes it unique
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
# Plain addresses only: a comment, a quoted part, a group or a route would be other spellings of one mailbox.
_EMAIL = re.compile(r"[^\s@()<>\[\]:;,\"\\]+@[^\s@()<>\[\]:;,\"\\.]+(?:\.[^\s@()<>\[\]:;,\"\\.]+)*")


def canonical_email(text: str) -> str:
    """Return the one form an address is kept and compared in: NFKC, lower case, trimmed."""
    # Lower case can undo the normal form (a capital whose small letter takes its accent apart), hence twice.
    lowered = unicodedata.normalize("NFKC", text).lower()
    return unicodedata.normalize("NFKC", lowered).lower().strip()


def email_problem(canonical: str) -> str | None:
    """Return why a canonical address is unacceptable, or None."""
    if len(canonical) > EMAIL_CHARACTERS:
        return f"is longer than {EMAIL_CHARACTERS} characters"
    if _EMAIL.fullmatch(canonical) is None or _has_control(canonical):
        return "is not an e-mail address"
    return None


def slug_problem(text: str) -> str | None:
    """Return why a slug is unacceptable, or None."""
    if len(text) > SLUG_CHARACTERS or _SLUG.fullmatch(text) is None:
        return f"must be 1 to {SLUG_CHARACTERS} lower-case letters or digits, with hyphens between them"
    return None


def slug_of(name: str) -> str:
    """Return a slug that reads like a name, or nothing where the name has no letter or digit for it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_OF_CHARACTERS].strip("-")


def name_problem(text: str, *, most: int = NAME_CHARACTERS) -> str | None:
    """Return why a name is unacceptable, or None."""
    if not text.strip():
        return "must not be empty"
    if len(text) > most:
        return f"is longer than {most} characters"
    if _has_control(text):
        return "contains a control character or half of a surrogate pair"
    if text != text.strip():
        return "must not begin or end with a blank"  # which nobody sees: two names would look alike
    return None


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
