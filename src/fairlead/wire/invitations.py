"""Invitations as JSON. Their tokens come by mail, and are in no answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from fairlead.wire.auth import AsCookie, Email, NewPassword, Token
from fairlead.wire.base import Received, Sent
from fairlead.wire.values import EXAMPLE_ID, AnId, Name


class NewInvitation(Received):
    """Whom to invite, and to which role: a system role by name, an own one by its id."""

    email: Email
    role_id: Annotated[AnId, Field(examples=["member"])]


class InvitationOut(Sent):
    """One invitation, open until it is accepted or revoked, or `expiresAt`, while `invitedBy` may offer that role."""

    id: str = Field(examples=[EXAMPLE_ID])
    email: str
    role_id: str = Field(examples=["member"])
    invited_by: str | None
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


class OfferOut(Sent):
    """What an invitation offers to whoever holds its token."""

    organization_id: str = Field(examples=[EXAMPLE_ID])
    organization_name: str
    role_name: str
    inviter_name: str
    email: str
    expires_at: datetime


class SignUpInvited(Received):
    """The account of somebody who is invited and has none with that address."""

    token: Annotated[Token, Field(examples=["fli_…"])]
    name: Annotated[Name, Field(examples=["Ada Lovelace"])]
    password: NewPassword
    cookie: AsCookie = False
