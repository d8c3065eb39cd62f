"""Roles: the system's and an organization's own, and who holds them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import exists, or_, select

from fairlead.db.rows import NOW, columns, get_row, read_rows, visible
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope, SystemScope, TenantScope, within
from fairlead.domain.ids import is_id
from fairlead.queries.page import Page, Window, read_page
from fairlead.queries.search import matches
from fairlead.rows import Role
from fairlead.schema.invitations import Invitation as InvitationTable
from fairlead.schema.roles import Role as RoleTable
from fairlead.schema.user_roles import UserRole as UserRoleTable
from fairlead.schema.users import User as UserTable

# A user whose home is elsewhere cannot be seen from here, and counts; one who is deleted here does not.
HAS_OWNER: Final = Statement("""
select exists (
    select from user_roles m
    where m.organization_id = :organization_id and m.role_scope = '*' and m.role_id = 'owner'
        and not exists (select from users u where u.id = m.user_id and u.deleted_at is not null)
)
""")


async def get_role(session: Session, scope: Scope, *, role_id: str) -> Role:
    """Return a system role, or one of the organization's own; raises NotFound."""
    return await get_row(session, scope, RoleTable, key={"id": role_id}, model=Role)


async def get_role_page(session: Session, scope: Scope, *, window: Window, search: str | None = None) -> Page[Role]:
    """Return a page of the roles that can be given here, the organization's own first, newest first."""
    where = visible(scope, RoleTable)
    if search:
        where.append(matches(search, RoleTable.name))
    return await read_page(session, RoleTable, where=where, window=window, model=Role)


async def roles_of(session: Session, scope: Scope, *, user_id: str, deleted: bool = False) -> list[Role]:
    """Return a user's roles, through `user_roles`, in the scope's organization (in a SystemScope in any), each once.

    A soft-deleted user has none until restored; `deleted` shows those to come back with.
    """
    if not is_id(user_id):
        return []
    held = exists().where(within(scope, UserRoleTable), UserRoleTable.user_id == user_id, _holds())
    gone = exists().where(UserTable.id == user_id, UserTable.deleted_at.is_not(None))
    statement = select(*columns(RoleTable, Role)).where(held, *([] if deleted else [~gone]))
    return await read_rows(session, statement.order_by(RoleTable.created_at, RoleTable.id), model=Role)


async def is_offered(session: Session, scope: TenantScope, *, role_id: str) -> bool:
    """Tell whether anybody has a role here, or an open invitation to it."""
    held = exists().where(within(scope, UserRoleTable), UserRoleTable.role_id == role_id)
    unused = [InvitationTable.accepted_at.is_(None), InvitationTable.revoked_at.is_(None)]
    offers = [InvitationTable.role_id == role_id, *unused, InvitationTable.expires_at > NOW]
    invited = exists().where(within(scope, InvitationTable), *offers)
    return bool((await session.execute(select(or_(held, invited)))).scalar_one())


async def has_owner(session: Session, scope: TenantScope) -> bool:
    """Tell whether the organization has an owner who is not deleted."""
    [(found,)] = await session.run(HAS_OWNER, {"organization_id": scope.organization_id})
    return bool(found)


async def organizations_owned(session: Session, _scope: SystemScope, *, user_id: str) -> list[str]:
    """Return the ids, in order, of the organizations that a user is an owner of."""
    if not is_id(user_id):
        return []
    owner = [UserRoleTable.role_scope == "*", UserRoleTable.role_id == "owner", UserRoleTable.user_id == user_id]
    statement = select(UserRoleTable.organization_id).where(*owner)
    return list((await session.execute(statement.order_by(UserRoleTable.organization_id))).scalars())


def _holds() -> Any:
    return (UserRoleTable.role_scope == RoleTable.owner_scope) & (UserRoleTable.role_id == RoleTable.id)
