"""Workers as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from fairlead.wire.base import Sent


class WorkerOut(Sent):
    """Somebody who holds items now: how many, of which queues, since when, and when their leases end."""

    id: str = Field(description="As the worker named itself.")
    items: int = Field(ge=1)
    queue_ids: list[str]
    working_since: datetime
    first_lease_ends_at: datetime
    last_lease_ends_at: datetime
