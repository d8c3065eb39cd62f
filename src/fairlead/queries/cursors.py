"""Cursors: a position in a list as a text that may leave the house and come back.

It is signed and bound to the list it came from (whose rows, under which filter), so that nobody can forge one, or use
one where it does not belong.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import datetime
from typing import Final

import orjson

from fairlead.errors import ValidationFailed
from fairlead.queries.page import Position

_SIGNATURE_BYTES: Final = 16


def seal(position: Position, *, secret: bytes, of: str) -> str:
    """Return the cursor of a position in the list that `of` names, such as an organization's id and the filter."""
    body = orjson.dumps([position.created_at.isoformat(), position.id])
    return urlsafe_b64encode(_signature(body, secret, of) + body).decode()


def unseal(cursor: str, *, secret: bytes, of: str) -> Position:
    """Return the position a cursor stands for; raises ValidationFailed for one that is not of this list."""
    try:
        sealed = urlsafe_b64decode(cursor.encode("ascii"))
    except (NotBase64, UnicodeEncodeError) as error:
        raise _refused() from error
    signature, body = sealed[:_SIGNATURE_BYTES], sealed[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(body, secret, of)):
        raise _refused()
    if urlsafe_b64encode(sealed).decode() != cursor:  # what the decoder passed over would make many texts of one
        raise _refused()
    created_at, row_id = orjson.loads(body)
    return Position(datetime.fromisoformat(created_at), row_id)


def _refused() -> ValidationFailed:
    return ValidationFailed(details={"cursor": "is not one of this list; start again without it"})


def _signature(body: bytes, secret: bytes, of: str) -> bytes:
    of_what = hashlib.sha256(of.encode("utf-8", "surrogatepass")).digest()
    return hmac.new(secret, b"cursor" + of_what + body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
