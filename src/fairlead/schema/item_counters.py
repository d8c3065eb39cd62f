"""Item counters: changes in the number of items by queue and status, as rows that maintenance folds together.

A row is a difference, not a total, so that no two transactions ever wait for each other here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKeyConstraint, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.domain.item_status import ItemStatus
from fairlead.schema.base import Base, KeyText
from fairlead.schema.queue_items import STATUS_ENUM
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.queues import Queue


class ItemCounter(Base):
    """How many items of one queue entered (or, negative, left) one status."""

    __tablename__ = "item_counters"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[KeyText]
    queue_id: Mapped[KeyText]
    status: Mapped[ItemStatus] = mapped_column(STATUS_ENUM)
    change: Mapped[int] = mapped_column(BigInteger)

    queue: Mapped[Queue] = related()

    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "queue_id"], ["queues.organization_id", "queues.id"], ondelete="CASCADE"
        ),
        Index("item_counters_queue_idx", "organization_id", "queue_id"),
    )
