"""Generated from schema/invitations.py by `make golden`; do not edit.

`Invitation` is one row of `invitations` as it is read, `NewInvitation` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Invitation:
    """One open offer; accepted at most once, and void after `expires_at` or when revoked."""

    id: str
    organization_id: str
    email: str
    role_id: str
    invited_by: str | None
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


class NewInvitation(TypedDict):
    """What may be given for a new row of `invitations`."""

    id: NotRequired[str]
    email: str
    role_id: str
    role_scope: NotRequired[str]
    invited_by: NotRequired[str | None]
    token_hash: str
    expires_at: datetime
    accepted_at: NotRequired[datetime | None]
    revoked_at: NotRequired[datetime | None]
    created_at: NotRequired[datetime]
