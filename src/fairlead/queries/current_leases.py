"""Current leases: which are good still, so that a worker can tell a lease that is lost from an item that is locked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.queries.cancelled import named

CURRENT: Final = Statement("""
select i.id
from jsonb_to_recordset(:leases) as r (organization_id text, id text, claims integer)
cross join lateral (
    select i.id, i.claims, i.status, i.lease_expires_at, i.cancel_requested_at
    from queue_items_live i
    where i.organization_id = r.organization_id and i.id = r.id
    limit 1
) i
where i.claims = r.claims and i.status = 'processing' and i.lease_expires_at > statement_timestamp()
    and i.cancel_requested_at is null
""")


async def find_current(session: Session, scope: Scope, *, leases: Sequence[tuple[str, str, int]]) -> frozenset[str]:
    """Return the ids of the items whose leases are current: each an organization, an item, its claims.

    A tenant hears of its own only.
    """
    rows = await session.run(CURRENT, {"leases": named(scope, leases)})
    return frozenset(row[0] for row in rows)
