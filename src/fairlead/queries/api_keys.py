"""API keys: what people may see of one, and what a presented one stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope

# Hot: once a request. The hash is unique, the rest are primary keys.
HOLDER: Final = Statement("""
select k.id, k.organization_id, k.user_id, k.scopes, granted.permissions, k.queue_ids
from api_keys k
join users u on u.id = k.user_id and u.deleted_at is null
join organizations o on o.id = k.organization_id and o.deleted_at is null
cross join lateral (
    select array_agg(distinct p.permission) as permissions
    from user_roles m
    join roles r on r.owner_scope = m.role_scope and r.id = m.role_id
    cross join unnest(r.permissions) as p (permission)
    where m.organization_id = k.organization_id and m.user_id = k.user_id
) granted
where k.key_hash = :key_hash and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > statement_timestamp())
    and granted.permissions is not null
""")


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """What a current key stands for: the scopes it was given, and what its maker's roles allow today."""

    api_key_id: str
    organization_id: str
    user_id: str
    scopes: frozenset[str]
    permissions: frozenset[str]
    queue_ids: frozenset[str] | None


async def find_key_holder(session: Session, _scope: SystemScope, *, key_hash: str) -> KeyHolder | None:
    """Return whom a key's hash stands for.

    None for a key that is unknown, expired or revoked, whose user or organization is deleted, or whose user is no
    longer a member.
    """
    rows = await session.run(HOLDER, {"key_hash": key_hash})
    if not rows:
        return None
    api_key_id, organization_id, user_id, scopes, permissions, queue_ids = rows[0]
    return KeyHolder(
        api_key_id,
        organization_id,
        user_id,
        frozenset(scopes),
        frozenset(permissions),
        None if queue_ids is None else frozenset(queue_ids),
    )
