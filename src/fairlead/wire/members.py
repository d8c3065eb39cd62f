"""Members and the people at home in an organization, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from fairlead.domain import limits
from fairlead.wire.base import Changes, Received, Sent
from fairlead.wire.values import EXAMPLE_ID, AnId, Name, Text


class RoleName(Sent):
    """A role, as much of it as somebody who has it is shown."""

    id: str = Field(examples=["admin"])
    name: str = Field(examples=["admin"])


class MemberOut(Sent):
    """Somebody with a role here, wherever they are at home."""

    id: str = Field(examples=[EXAMPLE_ID], description="The id of the user.")
    email: str
    name: str
    image: str | None
    since: datetime
    roles: list[RoleName]


class MemberRoles(Received):
    """The roles that somebody is to have, and no others: system roles by name, own ones by id."""

    roles: Annotated[list[AnId], Field(min_length=1, max_length=limits.PAGE_ITEMS, examples=[["admin"]])]


class UpdateUser(Changes):
    """Fields of a user to be changed; what is not given stays."""

    name: Annotated[Name, Field(examples=["Ada Lovelace"])] = ""
    image: Annotated[Text, Field(max_length=limits.URL_CHARACTERS)] | None = None


class UserOut(Sent):
    """Somebody at home in this organization."""

    id: str = Field(examples=[EXAMPLE_ID])
    email: str
    name: str
    image: str | None
    email_verified: bool
    created_at: datetime
    updated_at: datetime
