"""Roles: what a member may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Computed, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import HIDDEN, Base, CreatedAt, Id, KeyText, UpdatedAt
from fairlead.schema.relations import related
from fairlead.schema.row_security import RowSecurity

if TYPE_CHECKING:
    from fairlead.schema.organizations import Organization
    from fairlead.schema.users import User


class Role(Base):
    """A system role (no organization, fixed id) or an organization's own.

    `owner_scope` is the organization, or `*` for a system role: it lets `user_roles` refer to a role with a
    composite key, so that the database refuses another organization's role.
    """

    __tablename__ = "roles"
    row_security = RowSecurity(shared="organization_id")

    id: Mapped[Id]
    organization_id: Mapped[KeyText | None] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    owner_scope: Mapped[str] = mapped_column(
        Text(collation="C"), Computed("coalesce(organization_id, '*')", persisted=True), info=HIDDEN
    )
    name: Mapped[KeyText]
    description: Mapped[str | None]
    permissions: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    organization: Mapped[Organization | None] = related()
    users: Mapped[list[User]] = related(through="user_roles")

    __table_args__ = (
        UniqueConstraint("owner_scope", "id"),
        Index("roles_name_idx", "owner_scope", "name", unique=True),
    )
