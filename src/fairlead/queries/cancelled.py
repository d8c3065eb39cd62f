"""Cancelled: on which leases the items are being cancelled, or were, so that a worker can say why it stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope

CANCELLED: Final = Statement("""
select i.id
from jsonb_to_recordset(:leases) as r (organization_id text, id text, claims integer)
cross join lateral (
    select i.id, i.claims, i.status, i.cancel_requested_at
    from queue_items i
    where i.organization_id = r.organization_id and i.id = r.id
    order by i.finished_at desc
    limit 1
) i
where i.claims = r.claims
    and (i.status = 'cancelled' or (i.status = 'processing' and i.cancel_requested_at is not null))
""")


def named(scope: Scope, leases: Sequence[tuple[str, str, int]]) -> str:
    """Return leases as JSON, each an organization, an item, its claims; of a tenant's scope its own only."""
    own = [lease for lease in leases if scope.organization_id in {"", lease[0]}]
    return orjson.dumps([{"organization_id": of, "id": id_, "claims": claims} for of, id_, claims in own]).decode()


async def find_cancelled(session: Session, scope: Scope, *, leases: Sequence[tuple[str, str, int]]) -> frozenset[str]:
    """Return the ids of the items that are or were cancelled under these leases: an organization, an item, its claims.

    A tenant hears of its own only.
    """
    rows = await session.run(CANCELLED, {"leases": named(scope, leases)})
    return frozenset(row[0] for row in rows)
