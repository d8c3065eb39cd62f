"""Members: who has a role in an organization, and what those roles allow.

A member may be at home in another organization, where row security hides them from this one. What is asked here about
members is therefore asked in a SystemScope, and names its organization.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope
from fairlead.domain.ids import is_id

# Once a request of a person: primary keys all the way.
MEMBER: Final = Statement("""
select array_agg(distinct p.permission) filter (where p.permission is not null)
from user_roles m
join organizations o on o.id = m.organization_id and o.deleted_at is null
join users u on u.id = m.user_id and u.deleted_at is null
join roles r on r.owner_scope = m.role_scope and r.id = m.role_id
left join lateral unnest(r.permissions) as p (permission) on true
where m.organization_id = :organization_id and m.user_id = :user_id
group by m.user_id
""")


async def find_permissions(
    session: Session, _scope: SystemScope, *, organization_id: str, user_id: str
) -> frozenset[str] | None:
    """Return what a member's roles allow in an organization, which may be nothing; None for who is no member.

    Nobody is a member of a deleted organization, and a deleted user of none.
    """
    if not (is_id(organization_id) and is_id(user_id)):
        return None
    rows = await session.run(MEMBER, {"organization_id": organization_id, "user_id": user_id})
    return frozenset(rows[0][0] or ()) if rows else None
