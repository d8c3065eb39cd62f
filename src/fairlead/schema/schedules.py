"""Schedules: items that come by the clock (cron).

`next_run_at` is the first tick that is still owed, null while the schedule is paused; `last_run_at` the last tick that
got an item. When the last attempt failed, `error_message` says why and `retry_at` when the next one is made.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, CreatedAt, Id, KeyText, UpdatedAt
from fairlead.schema.relations import related

if TYPE_CHECKING:
    from fairlead.schema.organizations import Organization
    from fairlead.schema.queues import Queue


class Schedule(Base):
    """One cron expression in one time zone, and the item it makes at each tick."""

    __tablename__ = "schedules"

    id: Mapped[Id]
    organization_id: Mapped[KeyText] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    queue_id: Mapped[KeyText]
    name: Mapped[KeyText]
    cron: Mapped[str]
    time_zone: Mapped[str] = mapped_column(server_default=text("'UTC'"))
    task: Mapped[KeyText | None]
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    missed_runs: Mapped[KeyText] = mapped_column(server_default=text("'run_once'"))
    catch_up_limit: Mapped[int] = mapped_column(server_default=text("10"))
    next_run_at: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    retry_at: Mapped[datetime | None]
    error_message: Mapped[str | None]

    organization: Mapped[Organization] = related()
    queue: Mapped[Queue] = related()

    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "queue_id"], ["queues.organization_id", "queues.id"], ondelete="CASCADE"
        ),
        CheckConstraint("missed_runs in ('skip', 'run_once', 'catch_up')", name="missed_runs"),
        CheckConstraint("jsonb_typeof(payload) = 'object'", name="payload"),
        Index("schedules_name_idx", "organization_id", "name", unique=True),
        CheckConstraint("catch_up_limit >= 1", name="catch_up_limit"),
        Index("schedules_due_idx", text("greatest(next_run_at, retry_at)"), postgresql_where=text("paused_at is null")),
    )
