"""Roles as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from fairlead.domain import limits
from fairlead.domain.permissions import Permission
from fairlead.wire.base import Changes, Received, Sent
from fairlead.wire.values import EXAMPLE_ID, Name, Text

Description = Annotated[Text, Field(max_length=limits.DESCRIPTION_CHARACTERS)]
# Names of permissions come as text, which is no instance of them yet.
Permissions = Annotated[
    list[Annotated[Permission, Field(strict=False)]],
    Field(max_length=len(Permission), examples=[["items:read", "items:manage"]]),
]


def _is_nobodys(organization_id: str | None) -> bool:
    return organization_id is None


class NewRole(Received):
    """A role to be made, of permissions that its maker has."""

    name: Annotated[Name, Field(examples=["support"])]
    description: Description | None = None
    permissions: Permissions


class UpdateRole(Changes):
    """Fields of a role to be changed; what is not given stays."""

    name: Annotated[Name, Field(examples=["support"])] = ""
    description: Description | None = None
    permissions: Permissions = Field(default_factory=list)


class RoleOut(Sent):
    """One role; `system` ones are the same everywhere and cannot be changed."""

    id: str = Field(examples=[EXAMPLE_ID])
    name: str
    description: str | None
    permissions: list[Annotated[str, Field(json_schema_extra={"enum": list(Permission)})]]
    system: Annotated[bool, BeforeValidator(_is_nobodys)] = Field(validation_alias="organization_id")
    created_at: datetime
    updated_at: datetime
