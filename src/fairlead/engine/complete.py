"""Complete: accept the work of those who still hold the lease.

processing → completed; result, completed_at, finished_at; moved from the live leaf to the finished ones.
Locks: the batch's items in id order.  Index: the live leaf's primary key.  Returns the items accepted, among them
those that this very lease had completed before, so that a repeated report is answered as the first was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.engine.reports import HELD, KEPT, Leased, lease_reports, run_fenced

COMPLETE: Final = Statement(
    """
with {held},
taken as (
    delete from queue_items_live i
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.*
),
finished as (
    insert into queue_items (
        {kept},
        error_message, errors, result, status, completed_at, finished_at)
    select {kept},
        error_message, errors, nullif(cast(:results as jsonb) -> id, 'null'), 'completed',
        statement_timestamp(), statement_timestamp()
    from taken
)
select h.id, t.id is not null
from held h
left join taken t on t.id = h.id
where h.current
""",
    held=HELD.strip(),
    kept=KEPT,
)

# Rare: asked only for reports that found no current lease.
COMPLETED_BEFORE: Final = Statement("""
select i.id
from jsonb_to_recordset(:reports) as r (organization_id text, id text, claims integer)
join queue_items i on i.organization_id = r.organization_id and i.id = r.id
where i.status = 'completed' and i.claims = r.claims
""")


@dataclass(frozen=True, slots=True)
class Completion:
    """One item done, and what came of it: any JSON value, None for nothing."""

    lease: Leased
    result: Any = None


async def complete(session: Session, scope: Scope, *, completions: Sequence[Completion]) -> set[str]:
    """Complete a batch; return the ids accepted. An id that is missing has lost its lease and changed nothing."""
    own = [done for done in completions if scope.organization_id in {"", done.lease.organization_id}]
    reports = lease_reports(done.lease for done in own)
    results = {done.lease.id: done.result for done in own if done.result is not None}
    rows = await run_fenced(session, COMPLETE, {"results": orjson.dumps(results).decode()}, reports=reports)
    accepted = {row[0] for row in rows}
    if missed := [report for report in reports if report["id"] not in accepted]:
        before = await session.run(COMPLETED_BEFORE, {"reports": orjson.dumps(missed).decode()})
        accepted.update(row[0] for row in before)
    return accepted
