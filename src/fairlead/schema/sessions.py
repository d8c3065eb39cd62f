"""Sessions: who is signed in; only a hash of each token is kept."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import HIDDEN, Base, CreatedAt, Id, KeyText
from fairlead.schema.relations import related
from fairlead.schema.row_security import RowSecurity

if TYPE_CHECKING:
    from fairlead.schema.users import User


class Session(Base):
    """One sign-in of one user, with its idle and absolute end."""

    __tablename__ = "sessions"
    row_security = RowSecurity(column=None)

    id: Mapped[Id]
    user_id: Mapped[KeyText] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[KeyText] = mapped_column(info=HIDDEN)
    user_agent: Mapped[str | None]
    address: Mapped[str | None]
    last_seen_at: Mapped[CreatedAt]
    idle_expires_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]

    user: Mapped[User] = related()

    __table_args__ = (
        Index("sessions_token_idx", "token_hash", unique=True),
        Index("sessions_user_idx", "user_id"),
    )
