"""Complete outside: an item is completed by a transaction that is not ours, together with what else that one does.

processing → completed, as `engine/complete.py` says, by statements that are handed out (`engine/outside.py`).
Locks: as there but for the slots, held until the caller's transaction ends.

It is sent twice, because a renewal that comes between its snapshot and its lock makes it change nothing the first time,
and the second finds nothing to do otherwise. A lease that is no longer current raises SQLSTATE FL409, so that the
transaction as a whole cannot be committed.
"""

from __future__ import annotations

from typing import Final

import orjson

from fairlead.db.statement import Statement
from fairlead.db.tenancy import tenant
from fairlead.engine.complete import COMPLETE_KEEPING_SLOTS, Completion
from fairlead.engine.outside import HandedOut, handed_out
from fairlead.engine.reports import lease_report

ASK: Final = Statement("""
select set_config('fairlead.completed', cast(exists (
    select from queue_items i
    where i.organization_id = :organization_id and i.id = :id and i.claims = :claims and i.status = 'completed'
) as text), true)
""")

INSIST: Final = Statement("""
do $$ begin
    if current_setting('fairlead.completed', true) is distinct from 'true' then
        raise exception 'This lease is no longer current; nothing may be changed.' using errcode = 'FL409';
    end if;
end $$
""")


def complete_outside(completion: Completion) -> list[HandedOut]:
    """Return the statements with their parameters, to be run in order."""
    lease = completion.lease
    reports = {"reports": orjson.dumps([lease_report(lease, result=completion.result)]).decode()}
    named = {"organization_id": lease.organization_id, "id": lease.id, "claims": lease.claims}
    completing = (COMPLETE_KEEPING_SLOTS, reports)
    return handed_out(tenant(lease.organization_id), [completing, completing, (ASK, named), (INSIST, None)])
