"""Cancelled: which leases ended because somebody cancelled their items, so that a worker can say why it stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope

CANCELLED: Final = Statement("""
select i.id
from jsonb_to_recordset(:leases) as r (organization_id text, id text, claims integer)
join queue_items i on i.organization_id = r.organization_id and i.id = r.id
where i.status = 'cancelled' and i.claims = r.claims
""")


async def find_cancelled(
    session: Session, _scope: SystemScope, *, leases: Sequence[tuple[str, str, int]]
) -> frozenset[str]:
    """Return the ids of the items that were cancelled under these leases: an organization, an item, its claims."""
    asked = [{"organization_id": lease[0], "id": lease[1], "claims": lease[2]} for lease in leases]
    rows = await session.run(CANCELLED, {"leases": orjson.dumps(asked).decode()})
    return frozenset(row[0] for row in rows)
