"""Queue items: one relation for readers, two kinds of storage beneath.

The table is range-partitioned on `finished_at`. Waiting and processing items have `finished_at = 'infinity'` and live
in `queue_items_live`, small and hot, which the engine writes to directly. Finished items live in the other leaves
(`queue_items_finished` catches those that have no leaf of their own), so that years of history never slow a claim.
A check ties status and `finished_at` together.

The seed's three index names stay, on what the statements need: `queue_items_queue_idx` is the claim's index,
`queue_items_scheduled_idx` finds items that have become due, `queue_items_status_idx` finds expired leases. Status is
only ever a predicate of an index, never a key: under row security an enum comparison cannot drive an index.

The live leaf's policy drives no index: when the planner last saw the leaf empty, it would rather walk all items of the
organization than fetch the few rows whose addresses a statement has just locked (`tests/plans`).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Sequence,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.domain.item_status import ItemStatus
from fairlead.schema.base import Base, CreatedAt, KeyText, run_after_create
from fairlead.schema.relations import related
from fairlead.schema.row_security import APP_ROLE, SYSTEM_ROLE, RowSecurity, security_statements

if TYPE_CHECKING:
    from fairlead.schema.queues import Queue

LIVE_LEAF = "queue_items_live"
FINISHED_LEAF = "queue_items_finished"

STATUS_ENUM = Enum(
    ItemStatus,
    name="queue_item_status",
    values_callable=lambda statuses: [status.value for status in statuses],
    metadata=Base.metadata,
)
ARRIVAL = Sequence("queue_items_seq", metadata=Base.metadata)


class QueueItem(Base):
    """One piece of work. `claims` counts every claim and is never reset: with the id it is the lease's fence."""

    __tablename__ = "queue_items"

    id: Mapped[KeyText]
    organization_id: Mapped[KeyText]
    queue_id: Mapped[KeyText]
    payload: Mapped[dict[str, Any]]
    status: Mapped[ItemStatus] = mapped_column(STATUS_ENUM, server_default=text("'waiting'"))
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    max_attempts: Mapped[int] = mapped_column(server_default=text("3"))
    error_message: Mapped[str | None]
    scheduled_for: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    task: Mapped[KeyText | None]
    unique_key: Mapped[KeyText | None]
    ordering_key: Mapped[KeyText | None]
    result: Mapped[dict[str, Any] | None]
    errors: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    progress: Mapped[dict[str, Any] | None]
    lease_expires_at: Mapped[datetime | None]
    worker_id: Mapped[KeyText | None]
    claims: Mapped[int] = mapped_column(server_default=text("0"))
    seq: Mapped[int] = mapped_column(BigInteger, ARRIVAL, server_default=ARRIVAL.next_value())
    ready: Mapped[bool] = mapped_column(server_default=text("true"))
    trace: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    finished_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("'infinity'"))

    queue: Mapped[Queue] = related()

    __table_args__ = (
        PrimaryKeyConstraint("organization_id", "id", "finished_at"),
        ForeignKeyConstraint(
            ["organization_id", "queue_id"], ["queues.organization_id", "queues.id"], ondelete="CASCADE"
        ),
        CheckConstraint("(status in ('waiting', 'processing')) = (finished_at = 'infinity')", name="finished_at"),
        CheckConstraint("(status = 'processing') = (lease_expires_at is not null)", name="lease"),
        CheckConstraint("ready or scheduled_for is not null", name="ready"),
        CheckConstraint("attempts between 0 and max_attempts and claims >= attempts", name="attempts"),
        CheckConstraint("priority between -1000000 and 1000000", name="priority"),
        CheckConstraint("jsonb_typeof(payload) = 'object'", name="payload"),
        {"postgresql_partition_by": "range (finished_at)"},
    )


_LEAVES = (
    (
        f"create table {LIVE_LEAF} partition of queue_items for values from ('infinity') to (maxvalue) "
        "with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, "
        "autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_insert_scale_factor = 0.2)"
    ),
    f"create table {FINISHED_LEAF} partition of queue_items default",
    (
        f"create index queue_items_queue_idx on {LIVE_LEAF} (organization_id, queue_id, (-priority), seq) "
        "where status = 'waiting' and ready"
    ),
    f"create index queue_items_scheduled_idx on {LIVE_LEAF} (scheduled_for) where status = 'waiting' and not ready",
    f"create index queue_items_status_idx on {LIVE_LEAF} (lease_expires_at) where status = 'processing'",
    f"create index queue_items_finished_idx on {FINISHED_LEAF} (organization_id, queue_id, finished_at)",
    f"grant usage on sequence queue_items_seq to {APP_ROLE}, {SYSTEM_ROLE}",
)

run_after_create(
    QueueItem,
    *_LEAVES,
    *security_statements(LIVE_LEAF, RowSecurity(drives_indexes=False)),
    *security_statements(FINISHED_LEAF, RowSecurity()),
)
