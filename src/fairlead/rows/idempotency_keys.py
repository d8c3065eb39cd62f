"""Generated from schema/idempotency_keys.py by `make golden`; do not edit.

`IdempotencyKey` is one row of `idempotency_keys` as it is read, `NewIdempotencyKey` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """One key of one route of an organization; `fingerprint` is of what was asked, `answer` of what was said."""

    organization_id: str
    route: str
    key: str
    fingerprint: str
    answer: bytes
    created_at: datetime


class NewIdempotencyKey(TypedDict):
    """What may be given for a new row of `idempotency_keys`."""

    route: str
    key: str
    fingerprint: str
    answer: bytes
    created_at: NotRequired[datetime]
