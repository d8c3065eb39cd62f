"""Fail: record that an attempt failed; the item waits for the next one, or has failed for good.

processing → waiting (attempts left: due again after the back-off, with a new place in the order) or → failed (moved
to the finished leaves).  Locks: the batch's items in id order.  Index: the live leaf's primary key.
The error is kept either way: the last in `error_message`, the last ten in `errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.reports import HELD, KEPT, Leased, lease_reports, run_fenced

# Adds an error to the last ones kept; `-` with a number drops the oldest of a JSON array.
ERRORS_KEPT = """(case when jsonb_array_length(errors) >= 10 then errors - 0 else errors end)
            || jsonb_build_object('attempt', attempts, 'at', statement_timestamp(), 'error', {error})"""

FAIL: Final = Statement(
    """
with {held},
outcome as materialized (
    select cast(:failures as jsonb) as failure
),
verdict as materialized (
    select h.row, h.id, h.attempts_left and not (o.failure -> h.id ->> 'give_up')::boolean as retried
    from held h, outcome o
    where h.current
),
again as (
    update queue_items_live i
    set status = 'waiting',
        ready = (o.failure -> i.id ->> 'delay_seconds')::double precision <= 0,
        scheduled_for = statement_timestamp()
            + make_interval(secs => (o.failure -> i.id ->> 'delay_seconds')::double precision),
        seq = nextval('queue_items_seq'),
        started_at = null, lease_expires_at = null, worker_id = null,
        error_message = o.failure -> i.id ->> 'error',
        errors = {errors_again}
    from outcome o
    where i.ctid = any (array(select v.row from verdict v where v.retried))
    returning i.id
),
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select v.row from verdict v where not v.retried))
    returning i.*
),
finished as (
    insert into queue_items (
        {kept},
        error_message, errors, status, finished_at)
    select {kept},
        o.failure -> id ->> 'error', {errors_taken}, 'failed', statement_timestamp()
    from taken, outcome o
)
select v.id, a.id is not null or t.id is not null, case when v.retried then 'waiting' else 'failed' end
from verdict v
left join again a on a.id = v.id
left join taken t on t.id = v.id
""",
    held=HELD.strip(),
    kept=KEPT,
    errors_again=ERRORS_KEPT.replace("{error}", "o.failure -> i.id ->> 'error'"),
    errors_taken=ERRORS_KEPT.replace("{error}", "o.failure -> id ->> 'error'"),
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
    own = [failure for failure in failures if scope.organization_id in {"", failure.lease.organization_id}]
    outcome = {
        failure.lease.id: {
            "error": failure.error,
            "delay_seconds": failure.delay_seconds,
            "give_up": failure.give_up,
        }
        for failure in own
    }
    rows = await run_fenced(
        session,
        FAIL,
        {"failures": orjson.dumps(outcome).decode()},
        reports=lease_reports(failure.lease for failure in own),
    )
    return {row[0]: ItemStatus(row[2]) for row in rows}
