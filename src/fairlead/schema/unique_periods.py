"""Unique periods: unique keys that are held for a time, whatever becomes of the item meanwhile.

Keys that are held while an item waits or is worked on need no row: an index of the live items holds them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, KeyText
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.queues import Queue


class UniquePeriod(Base):
    """One key of one queue, the item that has it, and until when."""

    __tablename__ = "unique_periods"

    organization_id: Mapped[KeyText] = mapped_column(primary_key=True)
    queue_id: Mapped[KeyText] = mapped_column(primary_key=True)
    unique_key: Mapped[KeyText] = mapped_column(primary_key=True)
    item_id: Mapped[KeyText]
    expires_at: Mapped[datetime]

    queue: Mapped[Queue] = related()

    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "queue_id"], ["queues.organization_id", "queues.id"], ondelete="CASCADE"
        ),
        Index("unique_periods_expires_idx", "expires_at"),
    )
