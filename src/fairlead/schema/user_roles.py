"""User roles: who is a member of which organization, in which role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import HIDDEN, Base, CreatedAt, Id, KeyText
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.organizations import Organization
    from fairlead.schema.roles import Role
    from fairlead.schema.users import User


class UserRole(Base):
    """One role of one user in one organization; `role_scope` is that organization, or `*` for a system role."""

    __tablename__ = "user_roles"

    organization_id: Mapped[Id] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    role_id: Mapped[Id]
    role_scope: Mapped[KeyText] = mapped_column(server_default=text("'*'"), info=HIDDEN)
    created_at: Mapped[CreatedAt]

    organization: Mapped[Organization] = related()
    user: Mapped[User] = related()
    role: Mapped[Role] = related()

    __table_args__ = (
        ForeignKeyConstraint(["role_scope", "role_id"], ["roles.owner_scope", "roles.id"]),
        CheckConstraint("role_scope in ('*', organization_id)", name="role_scope"),
        Index("user_roles_user_idx", "user_id"),
    )
