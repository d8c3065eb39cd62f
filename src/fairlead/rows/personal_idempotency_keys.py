"""Generated from schema/personal_idempotency_keys.py by `make golden`; do not edit.

`PersonalIdempotencyKey` is one row of `personal_idempotency_keys` as it is read, `NewPersonalIdempotencyKey` what may
be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class PersonalIdempotencyKey:
    """One key of one route of a person; `fingerprint` is of what was asked, `answer` of what was said."""

    user_id: str
    route: str
    key: str
    fingerprint: str
    answer: bytes
    created_at: datetime


class NewPersonalIdempotencyKey(TypedDict):
    """What may be given for a new row of `personal_idempotency_keys`."""

    user_id: str
    route: str
    key: str
    fingerprint: str
    answer: bytes
    created_at: NotRequired[datetime]
