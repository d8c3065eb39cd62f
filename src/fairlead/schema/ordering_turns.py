"""Ordering turns: ordering keys at which something changed, so that the next item may come forward.

A row comes in the transaction that enqueued an item with an ordering key, or finished one; `engine/advance.py` takes it
away. Rows are only ever added and removed, so nobody waits for anybody here, and there is no foreign key for the reason
that `item_counters` has none.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Identity
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, KeyText


class OrderingTurn(Base):
    """One ordering key of one queue to look at."""

    __tablename__ = "ordering_turns"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[KeyText]
    queue_id: Mapped[KeyText]
    ordering_key: Mapped[KeyText]
