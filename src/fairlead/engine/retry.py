"""Retry: let finished items be worked once more, from the first attempt on.

failed, cancelled, completed → waiting, ready; moved back to the live leaf with a new place in the order.  Attempts
start again at 0; `claims` goes on, so that no old lease comes to life; the errors stay; result and progress go.
Locks: the queues shared, then the batch's items in id order.  Index: the primary keys of the leaves.
An item whose unique key another one holds by now (of several in one batch the first to have ended gets it), whose queue
is deleted, that is not finished, or another organization's stays as it is and does not come back. One with an ordering
key is the last of its key.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.accounts import counters_of
from fairlead.engine.reports import QUEUE_IS_THERE, QUEUES_SHARED, run_fenced

_KEPT: Final = (
    "organization_id, id, queue_id, payload, priority, max_attempts, error_message, errors, created_at, task, "
    "unique_key, unique_while, ordering_key, claims, trace, tags"
)

RETRY: Final = Statement(
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
        select i.queue_id, i.status, i.finished_at, i.seq,
            case when i.unique_while = 'active' or (i.unique_while = 'waiting' and i.claims = 0) then i.unique_key end
                as held_key,
            {queue_is_there} as is_there
        from queue_items i
        where i.organization_id = r.organization_id and i.id = r.id and i.finished_at < 'infinity'
            and (select count(*) from queue) >= 0
        for update
    ) i
),
fit as materialized (
    select h.*,
        h.is_there and (h.held_key is null or (h.nth = 1 and not exists (
            select from queue_items_live l
            where l.organization_id = h.organization_id and l.queue_id = h.queue_id and l.unique_key = h.held_key
                and (l.unique_while = 'active' or (l.unique_while = 'waiting' and l.claims = 0))))) as current
    from (
        select h.*,
            row_number() over (partition by h.organization_id, h.queue_id, h.held_key order by h.finished_at, h.seq)
                as nth
        from held h
    ) h
),
taken as (
    delete from queue_items i
    where i.organization_id = :organization_id and i.finished_at < 'infinity'
        and i.id = any (array(select h.id from fit h where h.current))
    returning i.*
),
again as (
    insert into queue_items_live (
        {kept},
        ready, blocked)
    select {kept},
        t.ordering_key is null, t.ordering_key is not null
    from taken t
    order by t.finished_at, t.seq
    returning organization_id, id, queue_id, ordering_key
),
turned as (
    insert into ordering_turns (organization_id, queue_id, ordering_key)
    select distinct organization_id, queue_id, ordering_key from again where ordering_key is not null
),
{counters}
select h.organization_id, h.id, h.id in (select t.id from taken t), h.queue_id, h.status
from fit h
where h.current
""",
    queues=QUEUES_SHARED.replace("{items}", "queue_items"),
    queue_is_there=QUEUE_IS_THERE,
    kept=_KEPT,
    counters=counters_of(
        "taken",
        waiting="count(*)",
        completed="-count(*) filter (where m.status = 'completed')",
        failed="-count(*) filter (where m.status = 'failed')",
        cancelled="-count(*) filter (where m.status = 'cancelled')",
    ),
)


@dataclass(frozen=True, slots=True)
class Retried:
    """An item that waits again, and how it had ended."""

    organization_id: str
    id: str
    queue_id: str
    status_before: ItemStatus


async def retry(session: Session, scope: TenantScope, *, item_ids: Collection[str]) -> list[Retried]:
    """Retry a batch; return, in the order of their ids, those that wait again. Any other was left as it is.

    Raises Conflict when a unique key is taken in this very moment; nothing is changed then.
    """
    reports = [{"organization_id": scope.organization_id, "id": item_id} for item_id in set(item_ids)]
    named = {"organization_id": scope.organization_id}
    rows = await run_fenced(session, RETRY, named, reports=reports)
    retried = [Retried(row[0], row[1], row[3], ItemStatus(row[4])) for row in rows]
    return sorted(retried, key=lambda item: item.id)
