"""Complete: accept the work of those who still hold the lease.

processing → completed; result, completed_at, finished_at; moved from the live leaf to the finished ones.
Locks: a share of the queues, the batch's items in id order, the slots given back.  Index: the live leaf's primary key.
Returns the items accepted, among them those that this very lease had completed before, so that a repeated report is
answered as the first was.

A transaction of a handler's own may stay open for long after it. It therefore keeps the slots (COMPLETE_KEEPING_SLOTS):
their rows are locked by every claim and outcome of the queue, which would all wait for it. They are given back when its
worker confirms that it was committed, or by the next reconciliation (`engine/reconcile.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.engine.accounts import counters_of, slots_of, turns_of
from fairlead.engine.reports import KEPT, KEPT_OF_TAKEN, Leased, held, lease_report, run_fenced

_TEXT: Final = """
with {held},
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.*
),
{slots}{turns},
{counters},
finished as (
    insert into queue_items (
        {kept},
        error_message, errors, result, status, completed_at, finished_at)
    select {kept_of_taken},
        t.error_message, t.errors, nullif(h.result, 'null'), 'completed', statement_timestamp(), statement_timestamp()
    from taken t
    join held h on h.organization_id = t.organization_id and h.id = t.id and h.current
)
select h.organization_id, h.id, t.id is not null, h.of_queue
from held h
left join taken t on t.organization_id = h.organization_id and t.id = h.id
where h.current
"""


def _statement(slots: str) -> Statement:
    return Statement(
        _TEXT,
        held=held(", result jsonb", finishes=True),
        slots=slots,
        turns=turns_of("taken"),
        counters=counters_of("taken", processing="-count(*)", completed="count(*)"),
        kept=KEPT,
        kept_of_taken=KEPT_OF_TAKEN,
    )


COMPLETE: Final = _statement(slots_of("taken") + ",\n")
COMPLETE_KEEPING_SLOTS: Final = _statement("")

# Rare: asked only for reports that found no current lease. One probe of each leaf's key a report: a join, or a
# condition on finished_at, would read all that the organization has finished as long as nobody analyzed those leaves.
COMPLETED_BEFORE: Final = Statement("""
select i.id, i.queue_id
from jsonb_to_recordset(:reports) as r (organization_id text, id text, claims integer)
cross join lateral (
    select i.id, i.queue_id, i.status, i.claims
    from queue_items i
    where i.organization_id = r.organization_id and i.id = r.id
    order by i.finished_at desc
    limit 1
) i
where i.status = 'completed' and i.claims = r.claims
""")


class Done(Protocol):
    """Anything that says of a lease that its item is done, and what came of it."""

    @property
    def lease(self) -> Leased:
        """What was held."""

    @property
    def result(self) -> Any:
        """Any JSON value, None for nothing."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One item done, and what came of it: any JSON value, None for nothing."""

    lease: Leased
    result: Any = None


async def complete(
    session: Session, scope: Scope, *, completions: Sequence[Done], keeps_slots: bool = False
) -> set[str]:
    """Complete a batch; return the ids accepted. An id that is missing has lost its lease and changed nothing.

    `keeps_slots` is for a transaction that others are not to wait for; who calls it sees to `correct_slots` afterwards.
    """
    return set(await complete_by_queue(session, scope, completions=completions, keeps_slots=keeps_slots))


async def complete_by_queue(
    session: Session, scope: Scope, *, completions: Sequence[Done], keeps_slots: bool = False
) -> dict[str, str]:
    """Do the same, and tell the queue of each item that was accepted."""
    own = [done for done in completions if scope.organization_id in {"", done.lease.organization_id}]
    reports = [lease_report(done.lease, result=done.result) for done in own]
    statement = COMPLETE_KEEPING_SLOTS if keeps_slots else COMPLETE
    rows = await run_fenced(session, statement, {}, reports=reports)
    accepted = {row[1]: row[3] for row in rows}
    if len(accepted) < len(own) and (missed := [done.lease for done in own if done.lease.id not in accepted]):
        accepted |= await completed_before(session, scope, leases=missed)
    return accepted


async def completed_before(session: Session, scope: Scope, *, leases: Sequence[Leased]) -> dict[str, str]:
    """Return the ids of the items that were completed under these very leases, and their queues; changes nothing."""
    own = [lease_report(lease) for lease in leases if scope.organization_id in {"", lease.organization_id}]
    return dict(await session.run(COMPLETED_BEFORE, {"reports": orjson.dumps(own).decode()}))
