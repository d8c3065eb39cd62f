"""Generated from schema/user_roles.py by `make golden`; do not edit.

`UserRole` is one row of `user_roles` as it is read, `NewUserRole` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class UserRole:
    """One role of one user in one organization; `role_scope` is that organization, or `*` for a system role."""

    organization_id: str
    user_id: str
    role_id: str
    created_at: datetime


class NewUserRole(TypedDict):
    """What may be given for a new row of `user_roles`."""

    user_id: str
    role_id: str
    role_scope: NotRequired[str]
    created_at: NotRequired[datetime]
