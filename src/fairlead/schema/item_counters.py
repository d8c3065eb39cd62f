"""Item counters: changes in the number of items by queue and status, as rows that maintenance folds together.

A row is a difference, not a total, so that no two transactions ever wait for each other here; the sum of a queue's rows
is how many items it has. Written in the very statements that move the items, and with no foreign key: its check would
lock the queue after the items. What a deleted queue leaves behind the folding removes.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, KeyText, run_after_create

_NONE = text("0")


class ItemCounter(Base):
    """How many items of one queue entered (or, negative, left) each status."""

    __tablename__ = "item_counters"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[KeyText]
    queue_id: Mapped[KeyText]
    waiting: Mapped[int] = mapped_column(BigInteger, server_default=_NONE)
    processing: Mapped[int] = mapped_column(BigInteger, server_default=_NONE)
    completed: Mapped[int] = mapped_column(BigInteger, server_default=_NONE)
    failed: Mapped[int] = mapped_column(BigInteger, server_default=_NONE)
    cancelled: Mapped[int] = mapped_column(BigInteger, server_default=_NONE)

    __table_args__ = (Index("item_counters_queue_idx", "organization_id", "queue_id"),)


run_after_create(
    ItemCounter,
    (
        "alter table item_counters set (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, "
        "autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0)"
    ),
)
