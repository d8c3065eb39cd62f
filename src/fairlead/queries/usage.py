"""Usage: how much of everything an organization has now. Items are the sums of counters; none is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope

USAGE: Final = Statement("""
select
    (select count(distinct m.user_id) from user_roles m where m.organization_id = :organization_id),
    (select count(*) from queues q where q.organization_id = :organization_id and q.deleted_at is null),
    (select count(*) from schedules s where s.organization_id = :organization_id),
    (select count(*) from api_keys k
     where k.organization_id = :organization_id and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > statement_timestamp())),
    coalesce(sum(c.waiting), 0)::bigint, coalesce(sum(c.processing), 0)::bigint,
    coalesce(sum(c.completed), 0)::bigint, coalesce(sum(c.failed), 0)::bigint,
    coalesce(sum(c.cancelled), 0)::bigint
from item_counters c
where c.organization_id = :organization_id
""")


@dataclass(frozen=True, slots=True)
class Usage:
    """How many members, queues, schedules, current API keys, and items by status (of deleted queues, too) there are."""

    members: int
    queues: int
    schedules: int
    api_keys: int
    waiting: int
    processing: int
    completed: int
    failed: int
    cancelled: int


async def get_usage(session: Session, scope: TenantScope) -> Usage:
    """Return what an organization has now."""
    [row] = await session.run(USAGE, {"organization_id": scope.organization_id})
    return Usage(*row)
