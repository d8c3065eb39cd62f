"""Users of an organization and what their roles let them do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from fairlead.db.rows import columns, read_row
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.domain.names import canonical_email
from fairlead.schema.user_roles import UserRole
from fairlead.schema.users import User as UserTable

PERMISSIONS: Final = Statement("""
select distinct p.permission
from user_roles m
join users u on u.id = m.user_id and u.deleted_at is null
join roles r on r.owner_scope = m.role_scope and r.id = m.role_id
cross join unnest(r.permissions) as p (permission)
where m.organization_id = :organization_id and m.user_id = :user_id
""")


@dataclass(frozen=True, slots=True)
class User:
    """A person; `organization_id` is the home organization."""

    id: str
    email: str
    name: str
    image: str | None
    organization_id: str | None
    email_verified: bool
    created_at: datetime
    updated_at: datetime


async def get_user_by_email(session: Session, scope: TenantScope, *, email: str) -> User:
    """Return the member of this organization with that address, however it is written; raises NotFound."""
    statement = select(*columns(UserTable, User)).where(
        UserTable.email == canonical_email(email),
        UserTable.deleted_at.is_(None),
        UserTable.id.in_(select(UserRole.user_id).where(UserRole.organization_id == scope.organization_id)),
    )
    return await read_row(session, statement, model=User)


async def permissions_of(session: Session, scope: TenantScope, *, user_id: str) -> frozenset[str]:
    """Return what a member's roles allow in this organization; nothing for anybody else."""
    rows = await session.run(PERMISSIONS, {"organization_id": scope.organization_id, "user_id": user_id})
    return frozenset(row[0] for row in rows)
