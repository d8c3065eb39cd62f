"""Cancel: end items that nobody shall work (on) any more.

waiting, or processing under a lease that is over → cancelled; finished_at; moved from the live leaf to the finished
ones.  processing → processing, being cancelled: cancel_requested_at; the lease is current for nothing any more but
`engine/end_cancelled.py`, ends no later than before, and after `deadline_seconds` if they are given and over earlier.
Locks: a share of the queues, the batch's items in id order, the slots given back.  Index: the live leaf's primary key.

An item that is being worked on keeps its slot and its ordering key until its holder has stopped: whatever its worker
reports is refused from now on, and so is a renewal; the worker learns of it when it is told (`db/notify.py`), looks or
renews, stops the handler and says so. One whose holder does not say so before the lease is over is ended by
`engine/rescue.py`. An item that is finished, or whose queue is deleted, or another organization's, stays as it is and
does not come back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.accounts import counters_of, slots_of, turns_of
from fairlead.engine.reports import KEPT, KEPT_OF_TAKEN, QUEUE_IS_THERE, QUEUES_SHARED, run_fenced

CANCEL: Final = Statement(
    """
with report as materialized (
    select r.organization_id, r.id, null as queue_id
    from jsonb_to_recordset(:reports) as r (organization_id text, id text)
    order by r.id
),
{queues},
held as materialized (
    select r.organization_id, r.id, i.*
    from report r
    cross join lateral (
        select i.ctid as row, i.queue_id, i.status, i.claims, i.worker_id, {queue_is_there} as current,
            i.status = 'processing' and i.lease_expires_at > statement_timestamp() as is_held
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
            and (select count(*) from queue) >= 0
        for update
    ) i
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current and not h.is_held))
    returning i.*
),
asked as (
    update queue_items_live i
    set cancel_requested_at = coalesce(i.cancel_requested_at, statement_timestamp()),
        lease_expires_at = least(
            i.lease_expires_at,
            statement_timestamp() + make_interval(secs => cast(:deadline_seconds as double precision)))
    where i.ctid = any (array(select h.row from held h where h.current and h.is_held))
    returning i.organization_id, i.id
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
select h.organization_id, h.id, h.id in (select t.id from taken t union all select a.id from asked a), h.queue_id,
    h.status, h.claims, h.worker_id, h.id in (select t.id from taken t)
from held h
where h.current
""",
    queues=QUEUES_SHARED.replace("{items}", "queue_items_live"),
    queue_is_there=QUEUE_IS_THERE,
    slots=slots_of("taken"),
    turns=turns_of("taken"),
    counters=counters_of(
        "taken",
        waiting="-count(*) filter (where m.status = 'waiting')",
        processing="-count(*) filter (where m.status = 'processing')",
        cancelled="count(*)",
    ),
    kept=KEPT,
    kept_of_taken=KEPT_OF_TAKEN,
)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An item that was cancelled, how it stood before, and who worked on it.

    `ended` False: it is being cancelled, and will have ended when its worker has stopped, or at the lease's end.
    """

    organization_id: str
    id: str
    queue_id: str
    status_before: ItemStatus
    claims: int
    worker_id: str | None
    ended: bool


async def cancel(
    session: Session, scope: TenantScope, *, item_ids: Collection[str], deadline_seconds: float | None = None
) -> list[Cancelled]:
    """Cancel a batch; return, in the order of their ids, those that were. Any other was left as it is.

    `deadline_seconds` is how long workers may take to stop; None, and at most, as long as their leases last.
    """
    reports = [{"organization_id": scope.organization_id, "id": item_id} for item_id in set(item_ids)]
    rows = await run_fenced(session, CANCEL, {"deadline_seconds": deadline_seconds}, reports=reports)
    cancelled = [Cancelled(row[0], row[1], row[3], ItemStatus(row[4]), *row[5:]) for row in rows]
    return sorted(cancelled, key=lambda item: item.id)
