"""Fail: record that an attempt failed; the item waits for the next one, or has failed for good.

processing → waiting (attempts left: due again after the back-off, with a new place in the order) or → failed (moved
to the finished leaves).  Locks: a share of the queues, the batch's items in id order, the slots given back.
Index: the live leaf's primary key.
The error is kept either way: the last in `error_message`, the last ten in `errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.accounts import counters_of, slots_of, turns_of
from fairlead.engine.reports import KEPT, KEPT_OF_TAKEN, SAID_OF_ITEM, Leased, held, lease_report, run_fenced, said

# Adds an error to the last ones kept; `-` with a number drops the oldest of a JSON array.
ERRORS_KEPT: Final = """(
            case when jsonb_array_length({item}.errors) >= 10 then {item}.errors - 0 else {item}.errors end
            || jsonb_build_object('attempt', {item}.attempts, 'at', statement_timestamp(), 'error', {error}))"""
_ERROR_OF_AGAIN: Final = f"({SAID_OF_ITEM} ->> 'error')"

FAIL: Final = Statement(
    """
with {held},
{said},
again as (
    update queue_items_live i
    set status = 'waiting',
        ready = {delay_seconds} <= 0,
        scheduled_for = statement_timestamp() + make_interval(secs => {delay_seconds}),
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null, counted = false,
        error_message = {error_of_again},
        errors = {errors_of_again}
    where i.ctid = any (array(select h.row from held h where h.current and h.attempts_left and not h.give_up))
    returning i.organization_id, i.id
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current and (h.give_up or not h.attempts_left)))
    returning i.*
),
finished as (
    insert into queue_items (
        {kept},
        error_message, errors, status, finished_at)
    select {kept_of_taken},
        h.error, {errors_of_taken}, 'failed', statement_timestamp()
    from taken t
    join held h on h.organization_id = t.organization_id and h.id = t.id and h.current
),
changed as materialized (
    select organization_id, id, 'waiting' as status from again
    union all
    select organization_id, id, 'failed' from taken
),
left_off as materialized (
    select h.organization_id, h.of_queue as queue_id, h.counted, h.ordering_key, c.status
    from held h
    join changed c on c.organization_id = h.organization_id and c.id = h.id
    where h.current
),
{slots},
{turns},
{counters}
select h.organization_id, h.id, c.id is not null, c.status
from held h
left join changed c on c.organization_id = h.organization_id and c.id = h.id
where h.current
""",
    held=held(", error text, delay_seconds double precision, give_up boolean", finishes=True),
    said=said("delay_seconds", "error"),
    delay_seconds=f"cast({SAID_OF_ITEM} -> 'delay_seconds' as double precision)",
    error_of_again=_ERROR_OF_AGAIN,
    slots=slots_of("left_off"),
    turns=turns_of("(select * from left_off where status = 'failed')"),
    counters=counters_of(
        "left_off",
        waiting="count(*) filter (where m.status = 'waiting')",
        processing="-count(*)",
        failed="count(*) filter (where m.status = 'failed')",
    ),
    kept=KEPT,
    kept_of_taken=KEPT_OF_TAKEN,
    errors_of_again=ERRORS_KEPT.replace("{item}", "i").replace("{error}", _ERROR_OF_AGAIN),
    errors_of_taken=ERRORS_KEPT.replace("{item}", "t").replace("{error}", "h.error"),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed: why, how long to wait before the next, or that there shall be none."""

    lease: Leased
    error: str
    delay_seconds: float = 0.0
    give_up: bool = False


async def fail(session: Session, scope: Scope, *, failures: Sequence[Failure]) -> dict[str, ItemStatus]:
    """Fail a batch; return by id what became of each. An id that is missing has lost its lease and changed nothing."""
    reports = [
        lease_report(failure.lease, error=failure.error, delay_seconds=failure.delay_seconds, give_up=failure.give_up)
        for failure in failures
        if scope.organization_id in {"", failure.lease.organization_id}
    ]
    rows = await run_fenced(session, FAIL, {}, reports=reports)
    return {row[1]: ItemStatus(row[3]) for row in rows}
