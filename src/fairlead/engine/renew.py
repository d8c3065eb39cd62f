"""Renew: keep leases that are still current; never shortens one.

processing → processing; lease_expires_at, and progress when given.  Locks: the batch's items in id order.
Index: the live leaf's primary key.  Returns the items renewed; any other has lost its lease.
RENEW_FREE passes by what somebody else holds locked, so that nobody's leases end because of another's lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.engine.reports import SAID_OF_ITEM, Leased, held, lease_report, run_fenced, said

_TEXT: Final = """
with {held},
{said},
renewed as (
    update queue_items_live i
    set lease_expires_at = greatest(
            i.lease_expires_at, statement_timestamp() + make_interval(secs => :lease_seconds)),
        progress = coalesce(nullif({said_of_item} -> 'progress', 'null'), i.progress)
    where i.ctid = any (array(select h.row from held h where h.current))
    returning i.organization_id, i.id, i.lease_expires_at
)
select h.organization_id, h.id, r.id is not null, r.lease_expires_at
from held h
left join renewed r on r.organization_id = h.organization_id and r.id = h.id
where h.current
"""


def _statement(*, waits: bool) -> Statement:
    parts = {"held": held(", progress jsonb", waits=waits), "said": said("progress"), "said_of_item": SAID_OF_ITEM}
    return Statement(_TEXT, **parts)


RENEW: Final = _statement(waits=True)
RENEW_FREE: Final = _statement(waits=False)


async def renew(
    session: Session,
    scope: Scope,
    *,
    leases: Sequence[Leased],
    lease_seconds: int,
    progress: Mapping[str, dict[str, Any]] | None = None,
    waits: bool = True,
) -> dict[str, datetime]:
    """Extend each current lease to `lease_seconds` from now; return the new end by item id.

    `progress` maps item ids to what their handlers want people to see. Without `waits` an id may also be missing
    because somebody else holds its item locked.
    """
    shown = progress or {}
    reports = [
        lease_report(lease, **({"progress": shown[lease.id]} if lease.id in shown else {}))
        for lease in leases
        if scope.organization_id in {"", lease.organization_id}
    ]
    rows = await run_fenced(session, RENEW if waits else RENEW_FREE, {"lease_seconds": lease_seconds}, reports=reports)
    return {row[1]: row[3] for row in rows}
