"""Buckets: what limits how often something may be done, counted for all processes together.

Unlogged, because losing it costs nothing but a fresh start of every count, and writing it must be cheap.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, KeyText
from fairlead.schema.row_security import RowSecurity


class Bucket(Base):
    """One limit; `full_at` is when nothing of it will be used any more. A bucket without a row is full.

    `taken` is how much the last taking got.
    """

    __tablename__ = "buckets"
    row_security = RowSecurity(column=None)

    name: Mapped[KeyText] = mapped_column(primary_key=True)
    full_at: Mapped[datetime]
    taken: Mapped[int] = mapped_column(server_default=text("0"))

    __table_args__ = ({"prefixes": ["UNLOGGED"]},)
