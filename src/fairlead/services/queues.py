"""Queues: making them with the rules their items are worked under, changing and removing them, all of it live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, NamedTuple, TypedDict, Unpack

from fairlead.db.rows import NOW, delete_row, insert_row, lock_row, restore_row, soft_delete_row, update_row
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.domain.ids import new_id
from fairlead.domain.retry import BACKOFF_POLICIES, Backoff
from fairlead.engine.clear import clear
from fairlead.engine.reconcile import count_late
from fairlead.queries.queues import get_queue
from fairlead.queries.users import is_member
from fairlead.rows import Queue
from fairlead.schema.queues import Queue as QueueTable
from fairlead.services import audit
from fairlead.services.checks import (
    Check,
    instant_problem,
    named,
    problems,
    range_problem,
    ranged,
    refuse,
    refuse_fields,
    text_problem,
)
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items

_BACKOFF_FACTOR: Final = 100
_BACKOFF_DELAYS: Final = 100


class QueueRules(TypedDict, total=False):
    """How a queue's items are worked. A limit of None is none; times are in seconds."""

    description: str | None
    max_concurrency: int | None
    max_attempts: int
    lease_seconds: int
    backoff: Backoff
    rate_limit: int | None
    rate_period_seconds: int
    max_depth: int | None
    retention_seconds: int | None


class QueueChanges(QueueRules, total=False):
    """The fields of a queue that can be changed; what is not given stays."""

    name: str


class QueueWithItems(NamedTuple):
    """A new queue, and the ids of its first items in the order given."""

    queue: Queue
    item_ids: list[str]


def _policy_problem(value: Any) -> str | None:
    return None if value in BACKOFF_POLICIES else f"must be one of {', '.join(BACKOFF_POLICIES)}"


def _delays_problem(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) > _BACKOFF_DELAYS:
        return f"must be up to {_BACKOFF_DELAYS} numbers of seconds"
    found = (range_problem(delay, least=0, most=limits.DELAY_SECONDS) for delay in value)
    return next((f"one of them {problem}" for problem in found if problem), None)


def _switch_problem(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _backoff_problem(value: Any) -> str | None:
    return None if isinstance(value, Backoff) else "must be a Backoff"


_CHECKS: Final[dict[str, Check]] = {
    "name": named,
    "description": text_problem,
    "backoff": _backoff_problem,
    "max_concurrency": ranged(1, limits.MAX_CONCURRENCY, optional=True),
    "max_attempts": ranged(1, limits.MAX_ATTEMPTS),
    "lease_seconds": ranged(1, limits.LEASE_SECONDS),
    "backoff_policy": _policy_problem,
    "backoff_base_seconds": ranged(0, limits.DELAY_SECONDS, whole=False),
    "backoff_factor": ranged(1, _BACKOFF_FACTOR, whole=False),
    "backoff_cap_seconds": ranged(0, limits.DELAY_SECONDS, whole=False),
    "backoff_jitter": _switch_problem,
    "backoff_delays": _delays_problem,
    "rate_limit": ranged(1, limits.RATE, optional=True),
    "rate_period_seconds": ranged(1, limits.DELAY_SECONDS),
    "max_depth": ranged(1, limits.QUEUE_DEPTH, optional=True),
    "retention_seconds": ranged(0, limits.RETENTION_SECONDS, optional=True),
}


async def create_queue(
    session: Session,
    scope: TenantScope,
    *,
    name: str,
    created_by: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
    **rules: Unpack[QueueRules],
) -> Queue:
    """Make a queue; a rule that is not given has its default, `created_by` is a member's id.

    Raises ValidationFailed, and Conflict when another queue of the organization has that name.
    """
    values = _columns({"name": name, **rules})
    refuse({**problems(values, checks=_CHECKS), "created_by": await _maker_problem(session, scope, created_by)})
    keys = {"id": new_id(), "created_by": created_by}
    made = await insert_row(session, scope, QueueTable, values={**keys, **values}, model=Queue)
    await audit.record_change(session, scope, actor=actor, action="queue.created", kind="queue", after=made)
    return made


async def create_queue_with_items(
    session: Session,
    scope: TenantScope,
    *,
    name: str,
    items: Sequence[ItemInput],
    created_by: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
    **rules: Unpack[QueueRules],
) -> QueueWithItems:
    """Make a queue with its first 1 to 1,000 items, all or nothing. Raises as `create_queue` and `enqueue_items`."""
    async with session.savepoint():
        queue = await create_queue(session, scope, name=name, created_by=created_by, actor=actor, **rules)
        return QueueWithItems(queue, await enqueue_items(session, scope, queue_id=queue.id, items=items))


async def update_queue(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str,
    actor: audit.Actor = audit.OPERATOR,
    **changes: Unpack[QueueChanges],
) -> Queue:
    """Change the fields given, and only those; they hold from the next claim on.

    Raises ValidationFailed, NotFound, and Conflict when another queue has that name.
    """
    values = _checked(changes)
    before, after = await update_row(session, scope, QueueTable, key={"id": queue_id}, values=values, model=Queue)
    if after.max_concurrency is not None and before.max_concurrency is None:
        await count_late(session, scope)
    await audit.record_change(
        session, scope, actor=actor, action="queue.updated", kind="queue", before=before, after=after
    )
    return after


async def pause_queue(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str,
    resume_at: datetime | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> Queue:
    """Let nothing be claimed from a queue until it is resumed, or until `resume_at`; it goes on taking items.

    What is being worked on goes on. A paused queue keeps the instant of its pause. Raises NotFound, and
    ValidationFailed for an instant without a time zone.
    """
    refuse({"resume_at": instant_problem(resume_at)})
    paused = await get_queue(session, scope, queue_id=queue_id)
    values = {"paused_at": paused.paused_at or NOW, "resume_at": resume_at}
    return await _switched(session, scope, queue_id=queue_id, values=values, actor=actor, action="queue.paused")


async def resume_queue(
    session: Session, scope: TenantScope, *, queue_id: str, actor: audit.Actor = audit.OPERATOR
) -> Queue:
    """Let a paused queue be worked again, at once. Raises NotFound."""
    values = {"paused_at": None, "resume_at": None}
    return await _switched(session, scope, queue_id=queue_id, values=values, actor=actor, action="queue.resumed")


async def _switched(
    session: Session, scope: TenantScope, *, queue_id: str, values: dict[str, Any], actor: audit.Actor, action: str
) -> Queue:
    before, after = await update_row(session, scope, QueueTable, key={"id": queue_id}, values=values, model=Queue)
    await audit.record_change(session, scope, actor=actor, action=action, kind="queue", before=before, after=after)
    return after


async def delete_queue(
    session: Session, scope: TenantScope, *, queue_id: str, actor: audit.Actor = audit.OPERATOR
) -> None:
    """Delete a queue for good, soft-deleted or not, with all its items. Raises NotFound.

    It takes as long as the queue is full; `soft_delete_queue` takes no time.
    """
    key = {"id": queue_id}
    await lock_row(session, scope, QueueTable, key=key, model=Queue, alone=True, deleted=True)
    await clear(session, scope, queue_id=queue_id)
    gone = await delete_row(session, scope, QueueTable, key=key, model=Queue, deleted=True)
    await audit.record_change(session, scope, actor=actor, action="queue.deleted", kind="queue", before=gone)


async def soft_delete_queue(
    session: Session, scope: TenantScope, *, queue_id: str, actor: audit.Actor = audit.OPERATOR
) -> Queue:
    """Let a queue be as good as gone until restored: nothing is enqueued or claimed, held items may be finished.

    It waits for those who are enqueueing, and they for it. Raises NotFound.
    """
    key = {"id": queue_id}
    await lock_row(session, scope, QueueTable, key=key, model=Queue, alone=True)
    before, after = await soft_delete_row(session, scope, QueueTable, key=key, model=Queue)
    await audit.record_change(
        session, scope, actor=actor, action="queue.soft_deleted", kind="queue", before=before, after=after
    )
    return after


async def restore_queue(
    session: Session, scope: TenantScope, *, queue_id: str, actor: audit.Actor = audit.OPERATOR
) -> Queue:
    """Bring a soft-deleted queue back with its items. Raises NotFound, and Conflict when its name is taken now."""
    before, after = await restore_row(session, scope, QueueTable, key={"id": queue_id}, model=Queue)
    await audit.record_change(
        session, scope, actor=actor, action="queue.restored", kind="queue", before=before, after=after
    )
    return after


async def _maker_problem(session: Session, scope: TenantScope, user_id: Any) -> str | None:
    """Say the same of somebody unknown and of another organization's member."""
    if user_id is None or (isinstance(user_id, str) and await is_member(session, scope, user_id=user_id)):
        return None
    return "is not a member of this organization"


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    values = _columns(given)
    refuse_fields(values, checks=_CHECKS)
    return values


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(given)
    if isinstance(backoff := values.get("backoff"), Backoff):
        del values["backoff"]
        values |= {f"backoff_{field}": value for field, value in asdict(backoff).items()}
        values["backoff_delays"] = _listed(backoff.delays)
    return values


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
