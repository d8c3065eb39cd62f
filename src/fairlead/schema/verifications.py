"""Verifications: what somebody who showed a single-use token may do; only hashes of tokens are kept.

A request by mail is one row from the moment it was made, whether its address is known or not; its token is made when
the mail is sent, so that nothing waits in a queue that could be used.
"""

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
    """One token for one purpose, used by one conditional update.

    `user_id` is null where nobody has the address, and of a sign-up, which brings what the new account will be made of:
    `name`, `organization_name` and the hash of its password.
    """

    __tablename__ = "verifications"
    row_security = RowSecurity(column=None)

    id: Mapped[Id]
    user_id: Mapped[KeyText | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[KeyText]
    email: Mapped[KeyText]
    token_hash: Mapped[KeyText] = mapped_column(info=HIDDEN)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    name: Mapped[str | None]
    organization_name: Mapped[str | None]
    secret_hash: Mapped[str | None] = mapped_column(info=HIDDEN)

    user: Mapped[User | None] = related()

    __table_args__ = (
        CheckConstraint("purpose in ('sign_up', 'verify_email', 'reset_password', 'second_factor')", name="purpose"),
        CheckConstraint(
            "purpose <> 'sign_up' or (name is not null and organization_name is not null and secret_hash is not null)",
            name="sign_up",
        ),
        Index("verifications_token_idx", "token_hash", unique=True),
        Index("verifications_user_idx", "user_id"),
        Index("verifications_email_idx", "email"),
    )
