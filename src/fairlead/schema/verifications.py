"""Verifications: single-use tokens sent by mail (verify an address, reset a password); only hashes are kept."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import HIDDEN, Base, CreatedAt, Id, KeyText
from fairlead.schema.relations import related
from fairlead.schema.row_security import RowSecurity

if TYPE_CHECKING:
    from fairlead.schema.users import User


class Verification(Base):
    """One token for one purpose, used by one conditional update."""

    __tablename__ = "verifications"
    row_security = RowSecurity(column=None)

    id: Mapped[Id]
    user_id: Mapped[KeyText] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[KeyText]
    email: Mapped[KeyText]
    token_hash: Mapped[KeyText] = mapped_column(info=HIDDEN)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]

    user: Mapped[User] = related()

    __table_args__ = (
        CheckConstraint("purpose in ('verify_email', 'reset_password')", name="purpose"),
        Index("verifications_token_idx", "token_hash", unique=True),
        Index("verifications_user_idx", "user_id"),
    )
