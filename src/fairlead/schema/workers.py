"""Workers: which processes of the fleet were seen when. For people to look at: no rescue depends on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from fairlead.schema.base import Base, CreatedAt, Id
from fairlead.schema.row_security import RowSecurity


class Worker(Base):
    """One boot of one worker process; its id is fresh at every start."""

    __tablename__ = "workers"
    row_security = RowSecurity(column=None)

    id: Mapped[Id]
    host: Mapped[str]
    process_id: Mapped[int]
    version: Mapped[str]
    queues: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    concurrency: Mapped[int]
    info: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    started_at: Mapped[CreatedAt]
    seen_at: Mapped[CreatedAt]
    stopped_at: Mapped[datetime | None]
