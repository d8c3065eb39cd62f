"""Generated from schema/audit_events.py by `make golden`; do not edit.

`AuditEvent` is one row of `audit_events` as it is read, `NewAuditEvent` what may be given to make one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One change by one actor, with the values before and after; never a secret. No organization: nobody's thing."""

    id: str
    organization_id: str | None
    actor_kind: str
    actor_id: str | None
    action: str
    subject_kind: str
    subject_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None
    created_at: datetime


class NewAuditEvent(TypedDict):
    """What may be given for a new row of `audit_events`."""

    id: NotRequired[str]
    actor_kind: str
    actor_id: NotRequired[str | None]
    action: str
    subject_kind: str
    subject_id: str
    before: NotRequired[dict[str, Any] | None]
    after: NotRequired[dict[str, Any] | None]
    request_id: NotRequired[str | None]
    created_at: NotRequired[datetime]
