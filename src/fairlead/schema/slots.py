"""Slots: how much of a limited queue's, and of a limited organization's, concurrency and rate is in use.

A row is changed in the very statements that claim items and end their leases, so that it is exact at every instant and
a crash leaks nothing. A queue without limits in an organization without has no row and is never waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, BigInteger, ForeignKey, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, KeyText, run_after_create
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.organizations import Organization


class Slot(Base):
    """One queue's use, or with `queue_id` empty a whole organization's; `taken` counts items with `counted` set.

    `rate_started` counts the claims of the last slices of the rate's period, the newest last; `rate_slice` is the
    newest one's number.
    """

    __tablename__ = "slots"

    organization_id: Mapped[KeyText] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    queue_id: Mapped[KeyText] = mapped_column(primary_key=True)
    taken: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rate_slice: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rate_started: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=text("'{}'"))

    organization: Mapped[Organization] = related()


run_after_create(
    Slot,
    (
        "alter table slots set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, "
        "autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0)"
    ),
)
