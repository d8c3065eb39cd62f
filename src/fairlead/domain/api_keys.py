"""The form of an API key: `flk_live_` or `flk_test_`, 32 base-62 characters, 6 characters of CRC-32.

The checksum lets junk be refused before any query, and lets a scanner find leaked keys without asking us.
Only an HMAC of the key is ever stored; the visible prefix tells people which key they are looking at.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from typing import Final, Literal

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARACTERS: Final = 32  # about 190 bits
_CHECK_CHARACTERS: Final = 6
VISIBLE_CHARACTERS: Final = 16  # the kind and the first seven of the secret

KeyKind = Literal["live", "test"]


def new_key(kind: KeyKind = "live") -> str:
    """Return a fresh raw key from the system's CSPRNG; show it once and keep only its hash."""
    body = f"flk_{kind}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_CHARACTERS))
    return body + _checksum(body)


def is_well_formed(raw: str) -> bool:
    """Tell whether `raw` has the form and checksum of a key; any text may be given."""
    body, check = raw[:-_CHECK_CHARACTERS], raw[-_CHECK_CHARACTERS:]
    kind, secret = body[:9], body[9:]
    return (
        kind in {"flk_live_", "flk_test_"}
        and len(secret) == _SECRET_CHARACTERS
        and raw.isascii()
        and hmac.compare_digest(check, _checksum(body))
    )


def visible_prefix(raw: str) -> str:
    """Return the part of a key that may be shown and stored."""
    return raw[:VISIBLE_CHARACTERS]


def kind_of(visible: str) -> KeyKind:
    """Return the kind of a key, which its visible part tells."""
    return "test" if visible.startswith("flk_test_") else "live"


def key_hash(raw: str, *, pepper: bytes) -> str:
    """Return the HMAC-SHA-256 under which a key is stored, in hexadecimal."""
    return hmac.new(pepper, raw.encode(), hashlib.sha256).hexdigest()


def _checksum(body: str) -> str:
    value, digits = zlib.crc32(body.encode("ascii", "replace")), ""
    for _ in range(_CHECK_CHARACTERS):
        value, remainder = divmod(value, len(_ALPHABET))
        digits = _ALPHABET[remainder] + digits
    return digits
