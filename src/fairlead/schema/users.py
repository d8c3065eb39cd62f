"""Users: people, known by one canonical e-mail address."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fairlead.schema.api_keys import ApiKey
from fairlead.schema.base import Base, CreatedAt, Id, KeyText, UpdatedAt
from fairlead.schema.organizations import Organization


class User(Base):
    """A person; `organization_id` is the home organization, membership is in `user_roles`.

    `email` holds the canonical form (`domain/names.py`), unique among users that are not deleted.
    """

    __tablename__ = "users"

    id: Mapped[Id]
    email: Mapped[KeyText]
    name: Mapped[str]
    image: Mapped[str | None]
    organization_id: Mapped[KeyText | None] = mapped_column(ForeignKey("organizations.id", ondelete="SET NULL"))
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    deleted_at: Mapped[datetime | None]

    organization: Mapped[Organization | None] = relationship(lazy="raise", viewonly=True)
    api_keys: Mapped[list[ApiKey]] = relationship(lazy="raise", viewonly=True)

    __table_args__ = (
        Index("users_email_idx", "email", unique=True, postgresql_where=text("deleted_at is null")),
        Index("users_org_idx", "organization_id", text("created_at desc"), text("id desc")),
    )
