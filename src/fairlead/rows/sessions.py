"""Generated from schema/sessions.py by `make golden`; do not edit.

`Session` is one row of `sessions` as it is read, `NewSession` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of one user, with its idle and absolute end."""

    id: str
    user_id: str
    user_agent: str | None
    address: str | None
    last_seen_at: datetime
    idle_expires_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    created_at: datetime


class NewSession(TypedDict):
    """What may be given for a new row of `sessions`."""

    id: NotRequired[str]
    user_id: str
    token_hash: str
    user_agent: NotRequired[str | None]
    address: NotRequired[str | None]
    last_seen_at: NotRequired[datetime]
    idle_expires_at: datetime
    expires_at: datetime
    revoked_at: NotRequired[datetime | None]
    created_at: NotRequired[datetime]
