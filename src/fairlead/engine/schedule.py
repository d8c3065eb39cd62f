"""Schedule: give the ticks that are due their items, each once, whatever the number of schedulers.

- → waiting, and the schedule goes on to its next tick, in one transaction.  Locks: the schedules that are due, skipping
what is locked, and with them their queues and organizations, shared, so that nobody deletes one meanwhile; then what
`engine/enqueue.py` takes, queue by queue in their order.  Index: schedules_due_idx.

What time it is only the database says. The ticks are computed here (`domain/schedules.py`), between the lock and the
commit: a schedule that another one has just run is not due any more when its lock is free, and whatever breaks in
between leaves the ticks owed, all of them.

A paused queue takes its items. One without room takes as many as it has room for, the earliest first; the others stay
owed, with the reason in `error_message`, and are tried again; so are all of an organization in which somebody keeps the
turn of a limited depth, so that no other waits for that. A queue that is deleted, or whose organization is, has its
ticks dropped: when it is restored, what comes then is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope, TenantScope, tenant
from fairlead.domain.cron import parsed
from fairlead.domain.ids import new_id
from fairlead.domain.schedules import GRACE_SECONDS, MissedRuns, Owed, owed, tags_of
from fairlead.engine.enqueue import NewItem, enqueue
from fairlead.engine.enqueue_limited import enqueue_limited, room_for
from fairlead.errors import Locked, ValidationFailed

DUE: Final = Statement("""
select s.organization_id, s.queue_id, s.id, s.cron, s.time_zone, s.task, s.payload, s.priority, s.missed_runs,
    s.catch_up_limit, s.next_run_at, q.deleted_at is not null or o.deleted_at is not null, statement_timestamp()
from schedules s
join queues q on q.organization_id = s.organization_id and q.id = s.queue_id
join organizations o on o.id = s.organization_id
where s.paused_at is null and greatest(s.next_run_at, s.retry_at) <= statement_timestamp()
    and s.next_run_at is not null
order by greatest(s.next_run_at, s.retry_at)
limit :most
for no key update of s skip locked
for key share of q, o skip locked
""")

GO_ON: Final = Statement("""
update schedules s
set next_run_at = n.next_run_at, last_run_at = coalesce(n.last_run_at, s.last_run_at), error_message = n.error_message,
    retry_at = case when n.retry_seconds is not null
        then statement_timestamp() + make_interval(secs => n.retry_seconds) end
from jsonb_to_recordset(:schedules) as n (
    organization_id text, id text, next_run_at timestamptz, last_run_at timestamptz, error_message text,
    retry_seconds double precision)
where s.organization_id = n.organization_id and s.id = n.id
""")

RETRY_SECONDS: Final = 10
_GONE: Final = "The queue is deleted; nothing is enqueued until it is restored."
_LATE: Final = f"The last run was left out because it would have been more than {GRACE_SECONDS} seconds late."
_FULL: Final = "The queue, or the organization, holds as many items as it may; the rest is tried again."
_LOCKED: Final = "A transaction that has enqueued into a queue of limited depth is still open; it is tried again."


class _Due(NamedTuple):
    organization_id: str
    queue_id: str
    id: str
    cron: str
    time_zone: str
    task: str | None
    payload: dict[str, Any]
    priority: int
    missed_runs: MissedRuns
    catch_up_limit: int
    next_run_at: datetime
    is_gone: bool
    now: datetime


class _Step(NamedTuple):
    """Where a schedule goes on; None for `last_run_at` leaves it, for `retry_seconds` means that nothing failed."""

    organization_id: str
    id: str
    next_run_at: datetime | None
    last_run_at: datetime | None = None
    error_message: str | None = None
    retry_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Scheduled:
    """How many schedules were looked at, how many items they got, and the queues of those."""

    schedules: int
    items: int
    queues: frozenset[str]


async def schedule(session: Session, _scope: SystemScope, *, most: int) -> Scheduled:
    """Run up to `most` schedules that are due. Call again while it looks at that many."""
    due = sorted((_Due(*row) for row in await session.run(DUE, {"most": most})), key=lambda found: found[:3])
    items, queues, steps, locked = 0, set[str](), list[_Step](), set[str]()
    for found in due:
        entered, step = await _run(session, found, locked)
        items += entered
        steps.append(step)
        if entered:
            queues.add(found.queue_id)
    if steps:
        await session.run(GO_ON, {"schedules": orjson.dumps([step._asdict() for step in steps]).decode()})
    return Scheduled(len(due), items, frozenset(queues))


async def _run(session: Session, due: _Due, locked: set[str]) -> tuple[int, _Step]:
    """Enqueue what a schedule owes; return how many items that were, and where it goes on.

    Organizations that are `locked` have to wait, and those are added that turn out to be.
    """
    key = (due.organization_id, due.id)
    try:
        debt = _owed(due)
    except ValidationFailed as error:  # a time zone that this machine does not know
        return 0, _Step(*key, due.next_run_at, error_message=str(error), retry_seconds=RETRY_SECONDS)
    if due.is_gone:
        return 0, _Step(*key, debt.next_tick, error_message=_GONE)
    if not debt.ticks:
        return 0, _Step(*key, debt.next_tick, error_message=_LATE)
    items = [_item(due, tick) for tick in debt.ticks]
    entered = None
    if due.organization_id not in locked:
        entered = await _enqueued(session, tenant(due.organization_id), queue_id=due.queue_id, items=items)
    if entered is None:
        locked.add(due.organization_id)
        return 0, _Step(*key, debt.ticks[0], None, _LOCKED, RETRY_SECONDS)
    last = debt.ticks[entered - 1] if entered else None
    if entered == len(items):
        return entered, _Step(*key, debt.next_tick, last)
    return entered, _Step(*key, debt.ticks[entered], last, _FULL, RETRY_SECONDS)


def _owed(due: _Due) -> Owed:
    return owed(
        parsed(due.cron, due.time_zone),
        since=due.next_run_at,
        now=due.now,
        missed_runs=due.missed_runs,
        catch_up_limit=due.catch_up_limit,
    )


def _item(due: _Due, tick: datetime) -> NewItem:
    return NewItem(
        id=new_id(),
        payload=due.payload,
        priority=due.priority,
        task=due.task,
        scheduled_for=tick,
        tags=tags_of(due.id, tick),
    )


async def _enqueued(session: Session, scope: TenantScope, *, queue_id: str, items: Sequence[NewItem]) -> int | None:
    """Enqueue as many of `items` as there is room for, the first ones; return how many.

    None, and nothing is done, when somebody keeps the turn of a limited depth.
    """
    if await enqueue(session, scope, queue_id=queue_id, items=items):
        return len(items)
    try:
        async with session.savepoint():
            room = await room_for(session, scope, queue_id=queue_id)
    except Locked:
        return None
    entering = items if room is None else items[: max(0, room)]
    return len(await enqueue_limited(session, scope, queue_id=queue_id, items=entering)) if entering else 0
