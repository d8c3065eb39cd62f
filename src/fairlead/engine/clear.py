"""Clear: remove all items of a queue that is being deleted or emptied, with everything that is kept about them.

waiting, processing and every finished status → -.  The caller holds the queue's row alone, so that nobody enqueues,
finishes or retries items of it.  A queue that is only emptied keeps its slots and its turn: a rate goes on counting
what was started before.  Locks: its live items in the order of their ids, in a statement of their own, which waits for
claims under way: the next one sees all that those did, be it slots that were opened by the first claim of all; then the
organization's slots, which other queues' claims wait for: last where the queue stays.
Index: queue_items_queue_idx cannot serve all of them, so the organization's part of the primary key is read; it takes
as long as the organization is full.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope, TenantScope
from fairlead.engine.accounts import slots_of

HOLD_LIVE: Final = Statement("""
with held as materialized (
    select from queue_items_live i
    where i.organization_id = :organization_id and i.queue_id = :queue_id
    order by i.id
    for update
)
select count(*) from held
""")
CLEAR_LIVE: Final = Statement(
    """
with gone as (
    delete from queue_items_live i
    where i.organization_id = :organization_id and i.queue_id = :queue_id
    returning i.organization_id, i.queue_id, i.counted
),
{slots}
select count(*) from gone
""",
    slots=slots_of("gone"),
)

_REST: Final = """
with finished as (
    delete from queue_items i
    where i.organization_id = :organization_id and i.queue_id = :queue_id and i.finished_at < 'infinity'
    returning i.id
),
counters as (
    delete from item_counters c where c.organization_id = :organization_id and c.queue_id = :queue_id
),
turns as (
    delete from ordering_turns t where t.organization_id = :organization_id and t.queue_id = :queue_id
)
""".strip()

EMPTY_REST: Final = Statement(
    """
{rest}
select count(*) from finished
""",
    rest=_REST,
)
CLEAR_REST: Final = Statement(
    """
{rest},
depth as (
    delete from depth_turns d where d.organization_id = :organization_id and d.queue_id = :queue_id
)
delete from slots s where s.organization_id = :organization_id and s.queue_id = :queue_id
""",
    rest=_REST,
)

FORGET: Final = Statement("""
with finished as (
    delete from queue_items i where i.organization_id = :organization_id and i.finished_at < 'infinity'
),
counters as (
    delete from item_counters c where c.organization_id = :organization_id
)
delete from ordering_turns t where t.organization_id = :organization_id
""")


async def clear(session: Session, scope: TenantScope, *, queue_id: str) -> None:
    """Remove what there is of a queue but its own row, which the caller has locked alone."""
    named = {"organization_id": scope.organization_id, "queue_id": queue_id}
    await session.run(HOLD_LIVE, named)
    await session.run(CLEAR_LIVE, named)
    await session.run(CLEAR_REST, named)


async def empty(session: Session, scope: TenantScope, *, queue_id: str) -> int:
    """Remove all items of a queue that stays, whose row the caller has locked alone; return how many they were."""
    named = {"organization_id": scope.organization_id, "queue_id": queue_id}
    await session.run(HOLD_LIVE, named)
    [(finished,)] = await session.run(EMPTY_REST, named)
    [(live,)] = await session.run(CLEAR_LIVE, named)
    return int(live) + int(finished)


async def forget(session: Session, scope: Scope, *, organization_id: str) -> None:
    """Remove what outlives an organization that has just been deleted: finished items, counters, notes."""
    if scope.organization_id in {"", organization_id}:
        await session.run(FORGET, {"organization_id": organization_id})
