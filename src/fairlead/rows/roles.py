"""Generated from schema/roles.py by `make golden`; do not edit.

`Role` is one row of `roles` as it is read, `NewRole` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class Role:
    """A system role (no organization, fixed id) or an organization's own."""

    id: str
    organization_id: str | None
    name: str
    description: str | None
    permissions: list[str]
    created_at: datetime
    updated_at: datetime


class NewRole(TypedDict):
    """What may be given for a new row of `roles`."""

    id: NotRequired[str]
    name: str
    description: NotRequired[str | None]
    permissions: NotRequired[list[str]]
    created_at: NotRequired[datetime]
    updated_at: NotRequired[datetime]
