"""Rescue: take items back from leases that ran out, whoever held them.

processing, lease expired → waiting (attempts left, with a new place in the order) or → failed; one that was being
cancelled → cancelled.  The attempt counts, so an item that kills its workers ends.  What one worker held is rescued
together, and the killer may be among it: the first time all are ready at once, from the second time on at moments
spread over ten seconds (drawn from id and claims), so that they are not held together, and lost together, again.
Locks: a share of the queues, skipping one that is being deleted; the picked items, skipping what is locked; the slots
given back, which RESCUE waits for, and RESCUE_BESIDE takes first, skipping what is locked.
Index: queue_items_status_idx, from the longest expired, or from a time before which nothing is left
(`queries/due_work.py`): its entries move with every renewal.
The lease alone decides: no worker's row is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.accounts import counters_of, slots_of, turns_of
from fairlead.engine.fail import ERRORS_KEPT
from fairlead.engine.reports import KEPT, KEPT_OF_TAKEN

BESIDE: Final = 20  # times as many items are looked at for those whose slots are free
_ERROR = "'the lease ran out: worker ' || coalesce({item}.worker_id, '?') || ' did not report in time'"


def _of(fragment: str, item: str) -> str:
    return fragment.replace("{item}", item)


_LATE: Final = """
late as materialized (
    select i.ctid as row, i.organization_id, i.queue_id
    from queue_items_live i
    where i.status = 'processing' and i.lease_expires_at <= statement_timestamp()
        and i.lease_expires_at >= coalesce(cast(:since as timestamptz), '-infinity')
    order by i.lease_expires_at
    limit :most
)""".strip()
# The same, without those of an organization or a queue whose slots somebody holds, but the others of a longer list.
_LATE_BESIDE: Final = """
{late},
kept as materialized (
    select distinct l.organization_id, k.queue_id
    from (select distinct l.organization_id, l.queue_id from looked_at l) l
    cross join lateral (values (l.queue_id), ('')) k (queue_id)
    cross join lateral (
        select from slots s where s.organization_id = l.organization_id and s.queue_id = k.queue_id limit 1
    ) s
),
free as materialized (
    select s.*
    from kept k
    cross join lateral (
        select s.organization_id, s.queue_id from slots s
        where s.organization_id = k.organization_id and s.queue_id = k.queue_id
        for update skip locked
    ) s
),
late as materialized (
    select l.*
    from looked_at l
    where not exists (
        select from kept k
        where k.organization_id = l.organization_id and k.queue_id in (l.queue_id, '')
            and (k.organization_id, k.queue_id) not in (select f.organization_id, f.queue_id from free f))
    limit :most
)""".strip().replace("{late}", _LATE.replace("late as", "looked_at as").replace(":most", f":most * {BESIDE}"))

_RESCUE: Final = """
with {late},
queue as materialized (
    select q.*
    from (select distinct l.organization_id, l.queue_id from late l order by 1, 2) l
    cross join lateral (
        select q.organization_id, q.id from queues q
        where q.organization_id = l.organization_id and q.id = l.queue_id
        for key share skip locked
    ) q
),
expired as materialized (
    select i.*
    from late l
    join queue q on q.organization_id = l.organization_id and q.id = l.queue_id
    cross join lateral (
        select i.ctid as row, i.organization_id, i.queue_id, i.id, i.counted,
            i.cancel_requested_at is null and i.attempts < i.max_attempts as waits_again,
            i.status = 'processing' and i.lease_expires_at <= statement_timestamp() as current
        from queue_items_live i
        where i.ctid = l.row
        for update skip locked
    ) i
    where i.current
),
again as (
    update queue_items_live i
    set status = 'waiting',
        ready = i.attempts < {spread_from},
        scheduled_for = case when i.attempts >= {spread_from} then statement_timestamp() + {spread} end,
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null, counted = false,
        error_message = {error_of_again},
        errors = {errors_of_again}
    where i.ctid = any (array(select e.row from expired e where e.waits_again))
    returning i.organization_id, i.queue_id, i.id
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select e.row from expired e where not e.waits_again))
    returning i.*
),
finished as (
    insert into queue_items (
        {kept},
        error_message, errors, cancel_requested_at, status, finished_at)
    select {kept_of_taken},
        {error_of_taken},
        {errors_of_taken},
        t.cancel_requested_at, cast({ended_as} as queue_item_status), statement_timestamp()
    from taken t
),
changed as materialized (
    select organization_id, queue_id, id, 'waiting' as status, null as ordering_key from again
    union all
    select organization_id, queue_id, id, {ended_as}, ordering_key from taken t
),
left_off as materialized (
    select c.*, e.counted
    from changed c
    join expired e on e.organization_id = c.organization_id and e.id = c.id
),
{slots},
{turns},
{counters}
select organization_id, queue_id, id, status from changed
"""


def _statement(late: str) -> Statement:
    return Statement(
        _RESCUE,
        late=late,
        slots=slots_of("left_off"),
        turns=turns_of("left_off"),
        counters=counters_of(
            "left_off",
            waiting="count(*) filter (where m.status = 'waiting')",
            processing="-count(*)",
            failed="count(*) filter (where m.status = 'failed')",
            cancelled="count(*) filter (where m.status = 'cancelled')",
        ),
        ended_as="case when t.cancel_requested_at is null then 'failed' else 'cancelled' end",
        spread_from="2",
        spread="make_interval(secs => 10 * (hashtext(i.id || i.claims) & 1023) / 1024.0)",
        kept=KEPT,
        kept_of_taken=KEPT_OF_TAKEN,
        error_of_again=_of(_ERROR, "i"),
        error_of_taken=_of(_ERROR, "t"),
        errors_of_again=_of(ERRORS_KEPT.replace("{error}", _ERROR), "i"),
        errors_of_taken=_of(ERRORS_KEPT.replace("{error}", _ERROR), "t"),
    )


RESCUE: Final = _statement(_LATE)
RESCUE_BESIDE: Final = _statement(_LATE_BESIDE)


@dataclass(frozen=True, slots=True)
class Rescued:
    """One item taken back, and what became of it."""

    organization_id: str
    queue_id: str
    id: str
    status: ItemStatus


async def rescue(
    session: Session, _scope: SystemScope, *, most: int, since: datetime | None = None, beside_locked: bool = False
) -> list[Rescued]:
    """Take back up to `most` items whose leases ran out (`since` then); call again while it returns that many.

    It waits for slots that somebody holds, unless it is `beside_locked`: then whose slots are locked is passed by.
    """
    rows = await session.run(RESCUE_BESIDE if beside_locked else RESCUE, {"most": most, "since": since})
    return [Rescued(row[0], row[1], row[2], ItemStatus(row[3])) for row in rows]
