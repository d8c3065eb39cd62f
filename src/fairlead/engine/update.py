"""Update: change an item that still waits, all that is given or nothing.

waiting → waiting; the fields given.  Locks: the item; a claim passes it by meanwhile, and it waits for one that came
first.  Index: the live leaf's primary key.
An item that becomes ready gets a new place in the order, as a promotion gives it; one that is for later now leaves the
claim's index until it is due. One that is blocked stays so, and keeps its place among those of its ordering key. One
that does not wait, whose attempts are as many as `max_attempts` would be, or whose queue is deleted or another
organization's stays as it is, and nothing comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, TypedDict

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.engine.reports import QUEUE_IS_THERE, run_fenced

UPDATE: Final = Statement(
    """
with report as materialized (
    select r.*, r.scheduled_for is null or r.scheduled_for <= statement_timestamp() as due
    from jsonb_to_recordset(:reports) as r (
        organization_id text, id text, payload jsonb, priority integer, max_attempts integer, tags text[],
        sets_task boolean, task text, sets_due boolean, scheduled_for timestamptz)
),
held as materialized (
    select r.*, i.*
    from report r
    cross join lateral (
        select i.ctid as row,
            i.status = 'waiting' and i.attempts < coalesce(r.max_attempts, i.max_attempts)
                and {queue_is_there} as current,
            r.payload <> i.payload as other_payload, i.priority as old_priority, i.max_attempts as old_max_attempts,
            i.scheduled_for as old_scheduled_for, i.task as old_task, i.tags as old_tags
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id
        for update
    ) i
),
changed as (
    update queue_items_live i
    set payload = coalesce(h.payload, i.payload),
        priority = coalesce(h.priority, i.priority),
        max_attempts = coalesce(h.max_attempts, i.max_attempts),
        tags = coalesce(h.tags, i.tags),
        task = case when h.sets_task then h.task else i.task end,
        scheduled_for = case when h.sets_due then h.scheduled_for else i.scheduled_for end,
        ready = case when h.sets_due and not i.blocked then h.due else i.ready end,
        seq = case
            when h.sets_due and h.due and not i.ready and not i.blocked then nextval('queue_items_seq') else i.seq end
    from held h
    where i.ctid = any (array(select c.row from held c where c.current)) and i.ctid = h.row
    returning i.organization_id, i.id, i.priority, i.max_attempts, i.scheduled_for, i.task, i.tags
)
select h.organization_id, h.id, c.id is not null, coalesce(h.other_payload, false),
    h.old_priority, h.old_max_attempts, h.old_scheduled_for, h.old_task, h.old_tags,
    c.priority, c.max_attempts, c.scheduled_for, c.task, c.tags
from held h
left join changed c on c.organization_id = h.organization_id and c.id = h.id
where h.current
""",
    queue_is_there=QUEUE_IS_THERE,
)


class ItemChanges(TypedDict, total=False):
    """The fields of a waiting item that can be changed; what is not given stays.

    `scheduled_for` None means at once, `task` None the queue's own.
    """

    payload: dict[str, Any]
    priority: int
    max_attempts: int
    scheduled_for: datetime | None
    task: str | None
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class ItemTerms:
    """What can be changed of an item, but for the payload, which may be large: only whether it is another one."""

    id: str
    organization_id: str
    payload_changed: bool
    priority: int
    max_attempts: int
    scheduled_for: datetime | None
    task: str | None
    tags: list[str]


class Updated(NamedTuple):
    """An item's terms before and after."""

    before: ItemTerms
    after: ItemTerms


async def replace_payloads(
    session: Session, scope: TenantScope, *, payloads: Mapping[str, dict[str, Any]]
) -> frozenset[str]:
    """Give items, by their ids, other payloads; return the ids of those that wait and have them now."""
    reports = [{"organization_id": scope.organization_id, "id": id_, "payload": new} for id_, new in payloads.items()]
    return frozenset(row[1] for row in await run_fenced(session, UPDATE, {}, reports=reports))


async def update(session: Session, scope: TenantScope, *, item_id: str, changes: ItemChanges) -> Updated | None:
    """Change the fields given of one waiting item; None when it cannot be changed, or is not here."""
    report = {
        **changes,
        "organization_id": scope.organization_id,
        "id": item_id,
        "sets_task": "task" in changes,
        "sets_due": "scheduled_for" in changes,
    }
    for organization_id, found_id, _, other_payload, *terms in await run_fenced(session, UPDATE, {}, reports=[report]):
        old, new = terms[: len(terms) // 2], terms[len(terms) // 2 :]
        return Updated(
            ItemTerms(found_id, organization_id, False, *old),
            ItemTerms(found_id, organization_id, other_payload, *new),
        )
    return None
