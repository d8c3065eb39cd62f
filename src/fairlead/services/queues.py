"""Queues: making them with the rules their items are worked under, changing and removing them, all of it live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Unpack

from fairlead.db.rows import NOW, delete_row, insert_row, lock_row, restore_row, soft_delete_row, update_row
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.ids import new_id
from fairlead.engine.carry_rate import carry_rate
from fairlead.engine.clear import clear, empty
from fairlead.engine.reconcile import count_late
from fairlead.queries.queues import get_queue
from fairlead.queries.users import is_member
from fairlead.rows import Queue
from fairlead.schema.queues import Queue as QueueTable
from fairlead.services import audit
from fairlead.services.checks import instant_problem, problems, refuse, refuse_fields
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.queue_rules import QUEUE_CHECKS, QueueChanges, QueueRules, columns_of, own_name_problem
from fairlead.services.versions import refuse_other_version


class QueueWithItems(NamedTuple):
    """A new queue, and the ids of its first items in the order given."""

    queue: Queue
    item_ids: list[str]


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
    values = columns_of({"name": name, **rules})
    wrong = problems(values, checks=QUEUE_CHECKS)
    wrong["name"] = wrong["name"] or own_name_problem(name)
    refuse({**wrong, "created_by": await _maker_problem(session, scope, created_by)})
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
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
    **changes: Unpack[QueueChanges],
) -> Queue:
    """Change the fields given, and only those; they hold from the next claim on.

    `expected` is the version that the caller saw. Raises ValidationFailed, NotFound, Conflict when another queue has
    that name, and PreconditionFailed for another version. A queue that has a name of Fairlead's own already keeps it.
    """
    values = _checked(changes)
    key = {"id": queue_id}
    held = await lock_row(session, scope, QueueTable, key=key, model=Queue)
    refuse_other_version(held, expected=expected)
    if changes.get("name", held.name) != held.name:
        refuse({"name": own_name_problem(changes["name"])})
    before, after = await update_row(session, scope, QueueTable, key=key, values=values, model=Queue)
    if after.max_concurrency is not None and before.max_concurrency is None:
        await count_late(session, scope)
    if after.rate_period_seconds != before.rate_period_seconds:
        old_seconds, period_seconds = before.rate_period_seconds, after.rate_period_seconds
        await carry_rate(session, scope, queue_id=queue_id, old_seconds=old_seconds, period_seconds=period_seconds)
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
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> None:
    """Delete a queue for good, soft-deleted or not, with all its items.

    It takes as long as the queue is full; `soft_delete_queue` takes no time. Raises NotFound, and PreconditionFailed
    for another version than the `expected`.
    """
    key = {"id": queue_id}
    held = await lock_row(session, scope, QueueTable, key=key, model=Queue, alone=True, deleted=True)
    refuse_other_version(held, expected=expected)
    await clear(session, scope, queue_id=queue_id)
    gone = await delete_row(session, scope, QueueTable, key=key, model=Queue, deleted=True)
    await audit.record_change(session, scope, actor=actor, action="queue.deleted", kind="queue", before=gone)


async def purge_queue(
    session: Session, scope: TenantScope, *, queue_id: str, actor: audit.Actor = audit.OPERATOR
) -> int:
    """Remove all items of a queue for good, whatever their status, and return how many; the queue stays.

    Whoever works on one is told at the next report that it is not there. It waits for those who are enqueueing, and
    takes as long as the queue is full. Raises NotFound.
    """
    await lock_row(session, scope, QueueTable, key={"id": queue_id}, model=Queue, alone=True)
    removed = await empty(session, scope, queue_id=queue_id)
    event = audit.Event("queue.purged", audit.Subject("queue", queue_id), after={"items": removed})
    await audit.record(session, scope, actor=actor, events=[event])
    return removed


async def soft_delete_queue(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str,
    expected: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> Queue:
    """Let a queue be as good as gone until restored: nothing is enqueued or claimed, held items may be finished.

    It waits for those who are enqueueing, and they for it. Raises NotFound, and PreconditionFailed for another version
    than the `expected`.
    """
    key = {"id": queue_id}
    held = await lock_row(session, scope, QueueTable, key=key, model=Queue, alone=True)
    refuse_other_version(held, expected=expected)
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
    values = columns_of(given)
    refuse_fields(values, checks=QUEUE_CHECKS)
    return values
