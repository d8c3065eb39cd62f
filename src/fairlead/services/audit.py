"""The audit trail: who changed what, written in the transaction of the change; secrets never get here.

What people and keys can see is audited: organizations, users, roles, memberships, API keys, queues, schedules, and
items that a person edits. The traffic of items (enqueue, claim, outcomes) is not: an item carries its own history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

from fairlead.db.rows import add_rows
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope
from fairlead.domain.ids import new_id
from fairlead.schema.audit_events import AuditEvent

_UNTOLD: Final = {"updated_at"}  # moves with every change, says nothing of it


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: a person, a key, somebody at the command line, or Fairlead itself.

    `permissions` is what a person or a key may do here, so that nobody hands out more than they have; the other two
    may do everything.
    """

    kind: Literal["user", "api_key", "operator", "system"]
    id: str | None = None
    request_id: str | None = None
    permissions: frozenset[str] = frozenset()

    def lacks(self, permissions: Iterable[str]) -> list[str]:
        """Return which of `permissions` the actor does not have, in order."""
        return [] if self.kind in {"operator", "system"} else sorted(set(permissions) - self.permissions)


OPERATOR: Final = Actor("operator")


SubjectKind: TypeAlias = Literal[
    "organization", "user", "member", "role", "invitation", "api_key", "queue", "item", "schedule"
]


@dataclass(frozen=True, slots=True)
class Subject:
    """What was changed. `organization_id` says whose it is where the scope does not; None is nobody's."""

    kind: SubjectKind
    id: str
    organization_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done; `before` and `after` are what changed, as JSON, without secrets."""

    action: str
    subject: Subject
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


async def record(session: Session, scope: Scope, *, actor: Actor, events: Sequence[Event]) -> None:
    """Write what an actor did, in the order given, in one statement."""
    rows = [
        {
            "id": new_id(),
            "organization_id": scope.organization_id or event.subject.organization_id,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "action": event.action,
            "subject_kind": event.subject.kind,
            "subject_id": event.subject.id,
            "before": event.before,
            "after": event.after,
            "request_id": actor.request_id,
        }
        for event in events
    ]
    await add_rows(session, scope, AuditEvent, rows=rows)


async def record_change(
    session: Session,
    scope: Scope,
    *,
    actor: Actor,
    action: str,
    kind: SubjectKind,
    before: Any = None,
    after: Any = None,
) -> None:
    """Write one event for a row of `rows/` that was made (no `before`), deleted (no `after`) or changed.

    Of a change only the fields that differ are kept; when none does, nothing happened and nothing is written.
    """
    await record(session, scope, actor=actor, events=changes(kind, [(action, before, after)]))


def changes(kind: SubjectKind, rows: Iterable[tuple[str, Any, Any]]) -> list[Event]:
    """Return the events for rows, each with its action, before and after, as `record_change` writes them."""
    return [event for action, before, after in rows for event in _change(kind, action, before, after)]


def _change(kind: SubjectKind, action: str, before: Any, after: Any) -> Iterator[Event]:
    row = after or before
    subject = Subject(kind, row.id, row.id if kind == "organization" else row.organization_id)
    old, new = _told(before), _told(after)
    if old is not None and new is not None:
        differing = sorted(name for name in new if old.get(name) != new[name])
        if not differing:
            return
        old, new = ({name: told[name] for name in differing} for told in (old, new))
    yield Event(action, subject, old, new)


def _told(row: Any) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: value for name, value in asdict(row).items() if name not in _UNTOLD}
