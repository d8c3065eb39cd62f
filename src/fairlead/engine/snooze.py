"""Snooze: put items off that their handlers do not want to work yet, as if they had not been claimed.

processing → waiting, due after the delay, with a new place in the order; the attempt is given back, `claims` is not, so
the old lease stays dead.  Locks: the batch's items in id order, the slots given back.  Index: the live leaf's primary
key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.engine.accounts import counters_of, slots_of
from fairlead.engine.reports import SAID_OF_ITEM, Leased, held, lease_report, run_fenced, said

SNOOZE: Final = Statement(
    """
with {held},
{said},
snoozed as (
    update queue_items_live i
    set status = 'waiting', attempts = i.attempts - 1,
        ready = {delay_seconds} <= 0,
        scheduled_for = statement_timestamp() + make_interval(secs => {delay_seconds}),
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null, counted = false
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.organization_id, i.id
),
left_off as materialized (
    select h.organization_id, h.of_queue as queue_id, h.counted
    from held h
    join snoozed r on r.organization_id = h.organization_id and r.id = h.id
    where h.current
),
{slots},
{counters}
select h.organization_id, h.id, r.id is not null
from held h
left join snoozed r on r.organization_id = h.organization_id and r.id = h.id
where h.current
""",
    held=held(", delay_seconds double precision"),
    said=said("delay_seconds"),
    delay_seconds=f"cast({SAID_OF_ITEM} -> 'delay_seconds' as double precision)",
    slots=slots_of("left_off"),
    counters=counters_of("left_off", waiting="count(*)", processing="-count(*)"),
)


@dataclass(frozen=True, slots=True)
class Snooze:
    """One item put off, and for how long."""

    lease: Leased
    delay_seconds: float


async def snooze(session: Session, scope: Scope, *, snoozes: Sequence[Snooze]) -> set[str]:
    """Put a batch off; return the ids accepted. An id that is missing has lost its lease and changed nothing."""
    reports = [
        lease_report(snooze.lease, delay_seconds=snooze.delay_seconds)
        for snooze in snoozes
        if scope.organization_id in {"", snooze.lease.organization_id}
    ]
    return {row[1] for row in await run_fenced(session, SNOOZE, {}, reports=reports)}
