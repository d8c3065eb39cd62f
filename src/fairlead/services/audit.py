"""The audit trail: who changed what, written in the transaction of the change; secrets never get here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from fairlead.db.rows import add_row
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope
from fairlead.domain.ids import new_id
from fairlead.schema.audit_events import AuditEvent


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: a person, a key, somebody at the command line, or Fairlead itself."""

    kind: Literal["user", "api_key", "operator", "system"]
    id: str | None = None
    request_id: str | None = None


OPERATOR: Final = Actor("operator")


@dataclass(frozen=True, slots=True)
class Subject:
    """What was changed, and whose it is."""

    organization_id: str
    kind: Literal["organization", "user", "api_key", "queue"]
    id: str


async def record(
    session: Session,
    _scope: Scope,
    *,
    actor: Actor,
    action: str,
    subject: Subject,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one event; `before` and `after` are what changed, as JSON, without secrets."""
    values = {
        "id": new_id(),
        "organization_id": subject.organization_id,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "action": action,
        "subject_kind": subject.kind,
        "subject_id": subject.id,
        "before": None if before is None else dict(before),
        "after": None if after is None else dict(after),
        "request_id": actor.request_id,
    }
    await add_row(session, AuditEvent, values={name: value for name, value in values.items() if value is not None})
