"""Duties: periodic work that one process does for the whole fleet, and when each is due again.

Whoever moves `due_at` on has the duty until then (`db/duty.py`). Nothing is held meanwhile, no connection and no lock:
when a process dies at its duty, another one takes it at the next time.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, KeyText
from fairlead.schema.row_security import RowSecurity


class Duty(Base):
    """One kind of periodic work; a duty without a row is due."""

    __tablename__ = "duties"
    row_security = RowSecurity(column=None)

    name: Mapped[KeyText] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
