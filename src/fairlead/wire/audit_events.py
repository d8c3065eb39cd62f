"""The audit trail as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from fairlead.wire.base import Sent
from fairlead.wire.values import EXAMPLE_ID


class AuditEventOut(Sent):
    """One change: who made it, to what, and what it was before and after; of a change only what differs."""

    id: str = Field(examples=[EXAMPLE_ID])
    actor_kind: str = Field(examples=["user"], description="user, api_key, operator or system.")
    actor_id: str | None
    action: str = Field(examples=["queue.updated"])
    subject_kind: str = Field(examples=["queue"])
    subject_id: str = Field(examples=[EXAMPLE_ID])
    before: dict[str, Any] | None = Field(examples=[{"max_attempts": 3}])
    after: dict[str, Any] | None = Field(examples=[{"max_attempts": 9}])
    request_id: str | None = Field(description="The X-Request-Id of the request that made it.")
    created_at: datetime
