"""Second factors: what a person's authenticator application shares with us, sealed with the installation's secret."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import HIDDEN, Base, CreatedAt, KeyText
from fairlead.schema.relations import related
from fairlead.schema.row_security import RowSecurity

if TYPE_CHECKING:
    from fairlead.schema.users import User


class SecondFactor(Base):
    """One person's; asked for at sign-in once it is confirmed. No code of `last_step` or before is taken again."""

    __tablename__ = "second_factors"
    row_security = RowSecurity(column=None)

    user_id: Mapped[KeyText] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sealed_secret: Mapped[bytes] = mapped_column(info=HIDDEN)
    last_step: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]

    user: Mapped[User] = related()
