"""Sealing: what has to be read again and yet must not be read in the database, such as a secret that was shown once.

AES-256-GCM with a key for each purpose, derived from the installation's secret; what is sealed is bound to what it is
of, so that it cannot be moved to another row. Another secret, or one changed bit, and nothing comes back.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class SealBroken(Exception):
    """What was to be unsealed is not what was sealed here, or the installation's secret is another one now."""


def seal(plain: bytes, *, secret: bytes, purpose: str, of: str) -> bytes:
    """Return `plain` sealed for a purpose, as something `of` a row that the caller names."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(secret, purpose).encrypt(nonce, plain, of.encode())


def unseal(sealed: bytes, *, secret: bytes, purpose: str, of: str) -> bytes:
    """Return what was sealed; raises SealBroken."""
    try:
        return _cipher(secret, purpose).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], of.encode())
    except (InvalidTag, ValueError) as error:
        raise SealBroken from error


@lru_cache(maxsize=32)
def _cipher(secret: bytes, purpose: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=f"fairlead {purpose}".encode())
    return AESGCM(derived.derive(secret))
