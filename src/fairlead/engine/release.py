"""Release: give items back that were not worked on, as if they had not been claimed.

processing → waiting; the attempt is given back, `claims` is not, so the old lease stays dead. The item keeps its place
in the order.  Locks: the batch's items in id order, the slots given back.  Index: the live leaf's primary key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.engine.accounts import counters_of, slots_of
from fairlead.engine.reports import Leased, held, lease_report, run_fenced

RELEASE: Final = Statement(
    """
with {held},
released as (
    update queue_items_live i
    set status = 'waiting', attempts = i.attempts - 1,
        started_at = null, lease_expires_at = null, worker_id = null, counted = false
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.organization_id, i.id
),
left_off as materialized (
    select h.organization_id, h.of_queue as queue_id, h.counted
    from held h
    join released r on r.organization_id = h.organization_id and r.id = h.id
    where h.current
),
{slots},
{counters}
select h.organization_id, h.id, r.id is not null
from held h
left join released r on r.organization_id = h.organization_id and r.id = h.id
where h.current
""",
    held=held(),
    slots=slots_of("left_off"),
    counters=counters_of("left_off", waiting="count(*)", processing="-count(*)"),
)


async def release(session: Session, scope: Scope, *, leases: Sequence[Leased]) -> set[str]:
    """Give a batch back; return the ids released. An id that is missing has lost its lease and changed nothing."""
    reports = [lease_report(lease) for lease in leases if scope.organization_id in {"", lease.organization_id}]
    return {row[1] for row in await run_fenced(session, RELEASE, {}, reports=reports)}
