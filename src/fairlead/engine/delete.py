"""Delete: remove items for good, waiting or finished; one that is being worked on stays.

waiting, completed, failed, cancelled → -.  Locks: the batch's items in id order; a claim passes them by meanwhile.
Index: the primary keys of the leaves.
Nothing of an item stays but what is returned of it, which is neither what was in it nor what came of it. One that is
being worked on, that is finished in this very moment, or whose queue is deleted or another organization's stays as it
is and does not come back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.accounts import counters_of, turns_of
from fairlead.engine.reports import QUEUE_IS_THERE, run_fenced

DELETABLE: Final = ("waiting", "completed", "failed", "cancelled")
LEFT: Final = "-count(*) filter (where m.status = '{status}')"

DELETE: Final = Statement(
    """
with report as materialized (
    select r.organization_id, r.id
    from jsonb_to_recordset(:reports) as r (organization_id text, id text)
    order by r.id
),
held as materialized (
    select r.organization_id, r.id, i.*
    from report r
    cross join lateral (
        select i.ctid as row, i.finished_at = 'infinity' as live,
            i.status <> 'processing' and {queue_is_there} as current,
            i.queue_id, i.ordering_key, i.status, i.priority, i.attempts, i.max_attempts, i.scheduled_for, i.started_at,
            nullif(i.finished_at, 'infinity') as finished_at, i.created_at, i.task, i.tags
        from queue_items i
        where i.organization_id = r.organization_id and i.id = r.id
        for update
    ) i
),
waiting as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current and h.live))
    returning i.organization_id, i.id, i.queue_id, i.ordering_key, i.status
),
finished as (
    delete from queue_items i
    where i.organization_id = :organization_id and i.finished_at < 'infinity'
        and i.id = any (array(select h.id from held h where h.current and not h.live))
    returning i.organization_id, i.id, i.queue_id, null as ordering_key, i.status
),
gone as materialized (
    select * from waiting
    union all
    select * from finished
),
{turns},
{counters}
select h.organization_id, h.id, h.id in (select g.id from gone g), h.queue_id, h.status, h.priority, h.attempts,
    h.max_attempts, h.scheduled_for, h.started_at, h.finished_at, h.created_at, h.task, h.tags
from held h
where h.current
""",
    queue_is_there=QUEUE_IS_THERE,
    turns=turns_of("gone"),
    counters=counters_of("gone", **{status: LEFT.replace("{status}", status) for status in DELETABLE}),
)


@dataclass(frozen=True, slots=True)
class DeletedItem:
    """What is told of an item that is gone."""

    organization_id: str
    id: str
    queue_id: str
    status: ItemStatus
    priority: int
    attempts: int
    max_attempts: int
    scheduled_for: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    task: str | None
    tags: list[str]


async def delete(session: Session, scope: TenantScope, *, item_ids: Collection[str]) -> list[DeletedItem]:
    """Delete a batch; return, in the order of their ids, the items that are gone. Any other was left as it is."""
    reports = [{"organization_id": scope.organization_id, "id": item_id} for item_id in set(item_ids)]
    rows = await run_fenced(session, DELETE, {"organization_id": scope.organization_id}, reports=reports)
    deleted = [DeletedItem(row[0], row[1], row[3], ItemStatus(row[4]), *row[5:]) for row in rows]
    return sorted(deleted, key=lambda item: item.id)
