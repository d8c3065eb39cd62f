"""Invitations: a role in an organization, offered to an e-mail address; only a hash of the token is kept."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import HIDDEN, Base, CreatedAt, Id, KeyText
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.organizations import Organization
    from fairlead.schema.roles import Role
    from fairlead.schema.users import User


class Invitation(Base):
    """One open offer; accepted at most once, and void after `expires_at` or when revoked.

    `invited_by` goes on naming whoever made it when they are gone: what nobody may offer any more is void, too.
    """

    __tablename__ = "invitations"

    id: Mapped[Id]
    organization_id: Mapped[KeyText] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    email: Mapped[KeyText]
    role_id: Mapped[KeyText]
    role_scope: Mapped[KeyText] = mapped_column(server_default=text("'*'"), info=HIDDEN)
    invited_by: Mapped[KeyText | None] = mapped_column()
    token_hash: Mapped[KeyText] = mapped_column(info=HIDDEN)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]

    organization: Mapped[Organization] = related()
    role: Mapped[Role] = related()
    inviter: Mapped[User | None] = related(on="foreign(Invitation.invited_by) == User.id")

    __table_args__ = (
        ForeignKeyConstraint(["role_scope", "role_id"], ["roles.owner_scope", "roles.id"], ondelete="CASCADE"),
        CheckConstraint("role_scope in ('*', organization_id)", name="role_scope"),
        Index("invitations_token_idx", "token_hash", unique=True),
        Index("invitations_org_idx", "organization_id"),
    )
