"""Credentials: how a user proves who they are: a password, another provider's account, a second factor."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import HIDDEN, Base, CreatedAt, Id, KeyText, UpdatedAt
from fairlead.schema.relations import related
from fairlead.schema.row_security import RowSecurity

if TYPE_CHECKING:
    from fairlead.schema.users import User


class Credential(Base):
    """One means of signing in; `account_id` is the provider's name for the user, `secret_hash` a hash."""

    __tablename__ = "credentials"
    row_security = RowSecurity(column=None)

    id: Mapped[Id]
    user_id: Mapped[KeyText] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    provider: Mapped[KeyText]
    account_id: Mapped[KeyText]
    secret_hash: Mapped[str | None] = mapped_column(info=HIDDEN)
    last_used_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    user: Mapped[User] = related()

    __table_args__ = (
        CheckConstraint("provider <> ''", name="provider"),
        Index("credentials_account_idx", "provider", "account_id", unique=True),
        Index("credentials_user_idx", "user_id"),
    )
