"""Queue items: one relation for readers, two kinds of storage beneath.

The table is range-partitioned on `finished_at`. Waiting and processing items have `finished_at = 'infinity'` and live
in `queue_items_live`, small and hot, which the engine writes to directly. Finished items live in the other leaves
(`queue_items_finished` catches those that have no leaf of their own), so that years of history never slow a claim.
A check ties status and `finished_at` together.

The seed's three index names stay, on what the statements need: `queue_items_queue_idx` is the claim's index,
`queue_items_scheduled_idx` finds items that have become due, `queue_items_status_idx` finds expired leases. Status is
only ever a predicate of an index, never a key: under row security an enum comparison cannot drive an index. Two unique
indexes hold promises by themselves: `queue_items_unique_idx` that a unique key is held once, and `queue_items_turn_idx`
that one item of an ordering key at most is not blocked.

The foreign key to the queue is the live leaf's, where items enter: its check costs a third of an insert, and what is
finished was checked when it entered (ADR 0016). Whoever deletes a queue removes its finished items (`engine/clear.py`).

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
    PrimaryKeyConstraint,
    Sequence,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
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
    """One piece of work. `claims` counts every claim and is never reset: with the id it is the lease's fence.

    `unique_while` says how long the item holds its `unique_key`: 'waiting' until it is first claimed, 'active' until it
    is finished; null, with a key, for a period (`unique_periods`). `blocked`: an earlier item of its `ordering_key` is
    not finished. `counted`: it takes one of its queue's and organization's `slots`. `cancel_requested_at`: somebody
    cancelled it while it was worked on; its holder has until the lease's end to stop, and it ends cancelled.
    """

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
    result: Mapped[Any | None] = mapped_column(JSONB)
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
    unique_while: Mapped[KeyText | None]
    blocked: Mapped[bool] = mapped_column(server_default=text("false"))
    counted: Mapped[bool] = mapped_column(server_default=text("false"))
    cancel_requested_at: Mapped[datetime | None]

    queue: Mapped[Queue] = related(
        on="and_(QueueItem.organization_id == Queue.organization_id, foreign(QueueItem.queue_id) == Queue.id)"
    )

    __table_args__ = (
        PrimaryKeyConstraint("organization_id", "id", "finished_at"),
        CheckConstraint("(status in ('waiting', 'processing')) = (finished_at = 'infinity')", name="finished_at"),
        CheckConstraint("(status = 'processing') = (lease_expires_at is not null)", name="lease"),
        CheckConstraint("ready or blocked or scheduled_for is not null", name="ready"),
        CheckConstraint("not blocked or (ordering_key is not null and not ready)", name="blocked"),
        CheckConstraint(
            "unique_while is null or (unique_while in ('waiting', 'active') and unique_key is not null)",
            name="unique_while",
        ),
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
        f"alter table {LIVE_LEAF} add constraint queue_items_live_queue_fkey foreign key (organization_id, queue_id) "
        "references queues (organization_id, id) on delete cascade"
    ),
    (
        f"create index queue_items_queue_idx on {LIVE_LEAF} (organization_id, queue_id, priority desc, seq) "
        "where status = 'waiting' and ready"
    ),
    (
        f"create index queue_items_scheduled_idx on {LIVE_LEAF} (scheduled_for) "
        "where status = 'waiting' and not ready and not blocked"
    ),
    f"create index queue_items_status_idx on {LIVE_LEAF} (lease_expires_at) where status = 'processing'",
    (
        f"create unique index queue_items_unique_idx on {LIVE_LEAF} (organization_id, queue_id, unique_key) "
        "where unique_while = 'active' or (unique_while = 'waiting' and claims = 0)"
    ),
    (
        f"create unique index queue_items_turn_idx on {LIVE_LEAF} (organization_id, queue_id, ordering_key) "
        "where ordering_key is not null and not blocked"
    ),
    (
        f"create index queue_items_blocked_idx on {LIVE_LEAF} (organization_id, queue_id, ordering_key, seq) "
        "where blocked"
    ),
    f"create index queue_items_finished_idx on {FINISHED_LEAF} (organization_id, queue_id, finished_at)",
    f"grant usage on sequence queue_items_seq to {APP_ROLE}, {SYSTEM_ROLE}",
)

run_after_create(
    QueueItem,
    *_LEAVES,
    *security_statements(LIVE_LEAF, RowSecurity(drives_indexes=False)),
    *security_statements(FINISHED_LEAF, RowSecurity()),
)
