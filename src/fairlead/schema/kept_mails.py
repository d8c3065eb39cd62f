"""Kept mails: what `fairlead dev` would have sent; no other command writes here, because mails hold tokens."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, CreatedAt, Id
from fairlead.schema.row_security import RowSecurity


class KeptMail(Base):
    """One mail as its recipient would read it."""

    __tablename__ = "kept_mails"
    row_security = RowSecurity(column=None)

    id: Mapped[Id]
    recipient: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str] = mapped_column(info={"secret": True})
    created_at: Mapped[CreatedAt]
