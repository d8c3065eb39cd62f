"""Generated from schema/users.py by `make golden`; do not edit.

`User` is one row of `users` as it is read, `NewUser` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class User:
    """A person; `organization_id` is the home organization, membership is in `user_roles`."""

    id: str
    email: str
    name: str
    image: str | None
    organization_id: str | None
    email_verified: bool
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class NewUser(TypedDict):
    """What may be given for a new row of `users`."""

    id: NotRequired[str]
    email: str
    name: str
    image: NotRequired[str | None]
    email_verified: NotRequired[bool]
    created_at: NotRequired[datetime]
    updated_at: NotRequired[datetime]
    deleted_at: NotRequired[datetime | None]
