"""Queues: where items wait, and the rules they are worked under; every rule can be changed live."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, CreatedAt, Id, KeyText, UpdatedAt
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.organizations import Organization
    from fairlead.schema.queue_items import QueueItem
    from fairlead.schema.users import User


class Queue(Base):
    """One queue of one organization. Limits: null means none. Back-off times are in seconds."""

    __tablename__ = "queues"

    id: Mapped[Id]
    organization_id: Mapped[KeyText] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    name: Mapped[KeyText]
    description: Mapped[str | None]
    max_concurrency: Mapped[int | None] = mapped_column(server_default=text("5"))
    max_attempts: Mapped[int] = mapped_column(server_default=text("3"))
    lease_seconds: Mapped[int] = mapped_column(server_default=text("30"))
    backoff_policy: Mapped[KeyText] = mapped_column(server_default=text("'exponential'"))
    backoff_base_seconds: Mapped[float] = mapped_column(server_default=text("1"))
    backoff_factor: Mapped[float] = mapped_column(server_default=text("2"))
    backoff_cap_seconds: Mapped[float] = mapped_column(server_default=text("3600"))
    backoff_jitter: Mapped[bool] = mapped_column(server_default=text("true"))
    rate_limit: Mapped[int | None]
    rate_period_seconds: Mapped[int] = mapped_column(server_default=text("60"))
    max_depth: Mapped[int | None]
    retention_seconds: Mapped[int | None] = mapped_column(server_default=text("604800"))
    paused_at: Mapped[datetime | None]
    resume_at: Mapped[datetime | None]
    created_by: Mapped[KeyText | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    deleted_at: Mapped[datetime | None]
    backoff_delays: Mapped[list[float]] = mapped_column(server_default=text("'{}'"))

    organization: Mapped[Organization] = related()
    creator: Mapped[User | None] = related()
    items: Mapped[list[QueueItem]] = related(
        on="and_(QueueItem.organization_id == Queue.organization_id, foreign(QueueItem.queue_id) == Queue.id)"
    )

    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        CheckConstraint("max_concurrency between 1 and 10000", name="max_concurrency"),
        CheckConstraint("max_attempts between 1 and 1000", name="max_attempts"),
        CheckConstraint("lease_seconds between 1 and 43200", name="lease_seconds"),
        CheckConstraint("backoff_policy in ('exponential', 'linear', 'fixed', 'list')", name="backoff_policy"),
        CheckConstraint("backoff_base_seconds >= 0 and backoff_cap_seconds >= 0", name="backoff_seconds"),
        CheckConstraint(
            "(backoff_policy <> 'list' or cardinality(backoff_delays) > 0) and 0 <= all (backoff_delays)",
            name="backoff_delays",
        ),
        CheckConstraint("backoff_factor between 1 and 100", name="backoff_factor"),
        CheckConstraint("rate_limit > 0 and rate_period_seconds > 0", name="rate"),
        CheckConstraint("max_depth > 0", name="max_depth"),
        CheckConstraint("retention_seconds >= 0", name="retention_seconds"),
        Index(
            "queues_name_idx",
            "organization_id",
            "name",
            unique=True,
            postgresql_where=text("deleted_at is null"),
        ),
    )
