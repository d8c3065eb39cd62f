"""Complete outside: an item is completed by a transaction that is not ours, together with what else that one does.

processing → completed, as `engine/complete.py` says, by statements that are handed out to be run in order inside the
caller's transaction, synchronous or not.  Locks: as there but for the slots, held until the caller's transaction ends.

The caller's role and organization come back as they were. It is sent twice, because a renewal that comes between
its snapshot and its lock makes it change nothing the first time, and the second finds nothing to do otherwise. A lease
that is no longer current raises SQLSTATE FL409, so that the transaction as a whole cannot be committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import orjson

from fairlead.db.statement import Statement
from fairlead.engine.complete import COMPLETE_KEEPING_SLOTS, Completion
from fairlead.engine.reports import lease_report

HandedOut: TypeAlias = tuple[bytes, Mapping[str, Any] | None]

REMEMBER: Final = Statement("""
select set_config('fairlead.caller_role', current_setting('role'), true),
    set_config('fairlead.caller_organization', coalesce(current_setting('fairlead.organization_id', true), ''), true)
""")

ENTER: Final = Statement("""
select set_config('role', 'fairlead_app', true), set_config('fairlead.organization_id', :organization_id, true)
""")

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

LEAVE: Final = Statement("""
select set_config('fairlead.organization_id', current_setting('fairlead.caller_organization'), true),
    set_config('role', current_setting('fairlead.caller_role'), true)
""")


def complete_outside(completion: Completion) -> list[HandedOut]:
    """Return the statements with their parameters, named as the driver names them (`%(name)s`)."""
    lease = completion.lease
    reports = {"reports": orjson.dumps([lease_report(lease, result=completion.result)]).decode()}
    named = {"organization_id": lease.organization_id, "id": lease.id, "claims": lease.claims}
    return [
        (REMEMBER.driver_text, None),
        (ENTER.driver_text, {"organization_id": lease.organization_id}),
        (COMPLETE_KEEPING_SLOTS.driver_text, reports),
        (COMPLETE_KEEPING_SLOTS.driver_text, reports),
        (ASK.driver_text, named),
        (INSIST.driver_text, None),
        (LEAVE.driver_text, None),
    ]
