"""The audit trail, read: who changed what and when; an organization sees its own, a SystemScope all of it.

The trail outlives what it tells of, organizations included. Events of nobody's things, such as a user without a home,
belong to no organization, and only a SystemScope sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack

from sqlalchemy import ColumnElement, false, func

from fairlead.db.rows import get_row, visible
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope
from fairlead.domain import json_values
from fairlead.errors import ValidationFailed
from fairlead.queries.page import After, Page, Slice, Window, read_page, read_slice
from fairlead.queries.search import refuse_unknown
from fairlead.rows import AuditEvent
from fairlead.schema.audit_events import AuditEvent as AuditEventTable


class AuditFilters(TypedDict, total=False):
    """Which events are asked for; what is not given, or None, lets every event through.

    `action` is how the action begins: "api_key." for everything that happens to keys, "api_key.revoked" for one thing.
    `since` is the first instant that counts, `until` the first that does not any more.
    """

    subject_kind: str | None
    subject_id: str | None
    actor_kind: str | None
    actor_id: str | None
    action: str | None
    since: datetime | None
    until: datetime | None


# Under row security the planner may use no statistics for LIKE, and would sort all events for a frequent action.
_CONDITIONS: Final[dict[str, Callable[[Any], ColumnElement[bool]]]] = {
    "subject_kind": lambda text: AuditEventTable.subject_kind == text,
    "subject_id": lambda text: AuditEventTable.subject_id == text,
    "actor_kind": lambda text: AuditEventTable.actor_kind == text,
    "actor_id": lambda text: AuditEventTable.actor_id == text,
    "action": lambda text: func.starts_with(AuditEventTable.action, text),
    "since": lambda instant: AuditEventTable.created_at >= instant,
    "until": lambda instant: AuditEventTable.created_at < instant,
}


async def get_audit_event(session: Session, scope: Scope, *, event_id: str) -> AuditEvent:
    """Return one event; raises NotFound for an unknown or another organization's one."""
    return await get_row(session, scope, AuditEventTable, key={"id": event_id}, model=AuditEvent)


async def get_audit_page(
    session: Session, scope: Scope, *, window: Window, **only: Unpack[AuditFilters]
) -> Page[AuditEvent]:
    """Return a page of events, newest first; its total counts them all, so for a long trail take `get_audit_slice`.

    Raises ValidationFailed for an unknown filter, or an instant without a time zone.
    """
    where = _where(scope, only)
    return await read_page(session, AuditEventTable, where=where, window=window, model=AuditEvent)


async def get_audit_slice(
    session: Session, scope: Scope, *, after: After, **only: Unpack[AuditFilters]
) -> Slice[AuditEvent]:
    """Return a slice of what `get_audit_page` lists, at the same cost wherever it starts. Raises as that does."""
    where = _where(scope, only)
    return await read_slice(session, AuditEventTable, where=where, after=after, model=AuditEvent)


def _where(scope: Scope, only: AuditFilters) -> list[ColumnElement[bool]]:
    refuse_unknown(only, known=_CONDITIONS)
    given: dict[str, Any] = {name: value for name, value in only.items() if value is not None}
    instants = {name: value for name, value in given.items() if isinstance(value, datetime)}
    if naive := [name for name, instant in instants.items() if instant.tzinfo is None]:
        raise ValidationFailed(details=dict.fromkeys(naive, "must say its time zone"))
    if any(json_values.problem(text) for name, text in given.items() if name not in instants):
        return [false()]  # what cannot be stored is in no event
    return [*visible(scope, AuditEventTable), *(_CONDITIONS[name](value) for name, value in given.items())]
