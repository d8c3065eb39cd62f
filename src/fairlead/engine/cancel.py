"""Cancel: end items that nobody shall work (on) any more.

waiting, processing → cancelled; finished_at; moved from the live leaf to the finished ones.  Locks: a share of the
queues, the batch's items in id order, the slots given back.  Index: the live leaf's primary key.
An item that is being worked on ends as well: its lease is no longer current, so whatever its worker reports is refused;
the worker learns of it when it is told (`db/notify.py`) or renews, and stops the handler. An item that is finished, or
whose queue is deleted, or another organization's, stays as it is and does not come back.
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
        select i.ctid as row, i.queue_id, i.status, i.claims, i.counted, {queue_is_there} as current
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
            and (select count(*) from queue) >= 0
        for update
    ) i
),
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
        error_message, errors, status, finished_at)
    select {kept_of_taken},
        t.error_message, t.errors, 'cancelled', statement_timestamp()
    from taken t
)
select h.organization_id, h.id, t.id is not null, h.queue_id, h.status, h.claims, t.worker_id
from held h
left join taken t on t.organization_id = h.organization_id and t.id = h.id
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
    """An item that was cancelled, how it stood before, and who worked on it."""

    organization_id: str
    id: str
    queue_id: str
    status: ItemStatus
    claims: int
    worker_id: str | None


async def cancel(session: Session, scope: TenantScope, *, item_ids: Collection[str]) -> list[Cancelled]:
    """Cancel a batch; return, in the order of their ids, those that were. Any other was left as it is."""
    reports = [{"organization_id": scope.organization_id, "id": item_id} for item_id in set(item_ids)]
    rows = await run_fenced(session, CANCEL, {}, reports=reports)
    cancelled = [Cancelled(row[0], row[1], row[3], ItemStatus(row[4]), row[5], row[6]) for row in rows]
    return sorted(cancelled, key=lambda item: item.id)
