"""Depth turns: whoever enqueues where the depth is limited takes turns, by writing a row here.

A table of its own, because a caller may keep its turn for as long as its transaction lasts, and nothing but other
enqueues may wait for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, KeyText, run_after_create
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.organizations import Organization


class DepthTurn(Base):
    """One queue with a limited depth, or with `queue_id` empty an organization that limits its queues together."""

    __tablename__ = "depth_turns"

    organization_id: Mapped[KeyText] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    queue_id: Mapped[KeyText] = mapped_column(primary_key=True)
    turn: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))

    organization: Mapped[Organization] = related()


run_after_create(DepthTurn, "alter table depth_turns set (fillfactor = 50)")
