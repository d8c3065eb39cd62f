"""Organizations: the tenants."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, CreatedAt, Id, KeyText, UpdatedAt
from fairlead.schema.relations import related
from fairlead.schema.row_security import RowSecurity

if TYPE_CHECKING:
    from fairlead.schema.api_keys import ApiKey
    from fairlead.schema.queues import Queue
    from fairlead.schema.roles import Role
    from fairlead.schema.users import User


class Organization(Base):
    """One tenant, its share of the worker fleet and its limits (null means none)."""

    __tablename__ = "organizations"
    row_security = RowSecurity(column="id")

    id: Mapped[Id]
    name: Mapped[str]
    slug: Mapped[KeyText]
    weight: Mapped[int] = mapped_column(server_default=text("1"))
    max_queue_depth: Mapped[int | None]
    max_concurrency: Mapped[int | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    deleted_at: Mapped[datetime | None]

    users: Mapped[list[User]] = related()
    queues: Mapped[list[Queue]] = related()
    roles: Mapped[list[Role]] = related()
    api_keys: Mapped[list[ApiKey]] = related()

    __table_args__ = (
        CheckConstraint("weight between 1 and 1000", name="weight"),
        CheckConstraint("max_queue_depth > 0", name="max_queue_depth"),
        CheckConstraint("max_concurrency > 0", name="max_concurrency"),
        Index("organizations_slug_idx", "slug", unique=True, postgresql_where=text("deleted_at is null")),
    )
