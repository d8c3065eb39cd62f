"""Generated from schema/verifications.py by `make golden`; do not edit.

`Verification` is one row of `verifications` as it is read, `NewVerification` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Verification:
    """One token for one purpose, used by one conditional update."""

    id: str
    user_id: str | None
    purpose: str
    email: str
    expires_at: datetime
    used_at: datetime | None
    created_at: datetime
    name: str | None
    organization_name: str | None


class NewVerification(TypedDict):
    """What may be given for a new row of `verifications`."""

    id: NotRequired[str]
    user_id: NotRequired[str | None]
    purpose: str
    email: str
    token_hash: str
    expires_at: datetime
    used_at: NotRequired[datetime | None]
    created_at: NotRequired[datetime]
    name: NotRequired[str | None]
    organization_name: NotRequired[str | None]
    secret_hash: NotRequired[str | None]
