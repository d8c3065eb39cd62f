"""End cancelled: the holder of an item that is being cancelled has stopped.

processing, being cancelled → cancelled; finished_at; moved from the live leaf to the finished ones.  Locks: a share of
the queues, the batch's items in id order, the slots given back.  Index: the live leaf's primary key.
Only now are the item's slot and its ordering key free, so that nobody works beside a handler that was still running.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.engine.accounts import counters_of, slots_of, turns_of
from fairlead.engine.reports import KEPT, KEPT_OF_TAKEN, Leased, held, lease_report, run_fenced

END_CANCELLED: Final = Statement(
    """
with {held},
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.*
),
{slots},
{turns},
{counters},
finished as (
    insert into queue_items (
        {kept},
        error_message, errors, cancel_requested_at, status, finished_at)
    select {kept_of_taken},
        t.error_message, t.errors, t.cancel_requested_at, 'cancelled', statement_timestamp()
    from taken t
)
select h.organization_id, h.id, t.id is not null
from held h
left join taken t on t.organization_id = h.organization_id and t.id = h.id
where h.current
""",
    held=held(finishes=True, cancelled=True),
    slots=slots_of("taken"),
    turns=turns_of("taken"),
    counters=counters_of("taken", processing="-count(*)", cancelled="count(*)"),
    kept=KEPT,
    kept_of_taken=KEPT_OF_TAKEN,
)


async def end_cancelled(session: Session, scope: Scope, *, leases: Sequence[Leased]) -> set[str]:
    """End those of a batch that are being cancelled; return their ids. Any other is left as it is."""
    reports = [lease_report(lease) for lease in leases if scope.organization_id in {"", lease.organization_id}]
    return {row[1] for row in await run_fenced(session, END_CANCELLED, {}, reports=reports)}
