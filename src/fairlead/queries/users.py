"""Users of an organization, and what their roles let them do."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, exists, false, select

from fairlead.db.rows import columns, find_row, get_row, one_of, visible
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope, TenantScope, within
from fairlead.domain import json_values
from fairlead.domain.ids import is_id
from fairlead.domain.names import canonical_email
from fairlead.errors import NotFound
from fairlead.queries.page import After, Page, Slice, Window, read_page, read_slice
from fairlead.queries.search import matches_lowered
from fairlead.rows import Organization, User
from fairlead.schema.organizations import Organization as OrganizationTable
from fairlead.schema.user_roles import UserRole as UserRoleTable
from fairlead.schema.users import User as UserTable

# Of a member who is at home elsewhere nothing can be seen from here, and nobody but that home deletes them.
PERMISSIONS: Final = Statement("""
select distinct p.permission
from user_roles m
join organizations o on o.id = m.organization_id and o.deleted_at is null
join roles r on r.owner_scope = m.role_scope and r.id = m.role_id
cross join unnest(r.permissions) as p (permission)
where m.organization_id = :organization_id and m.user_id = :user_id
    and not exists (select from users u where u.id = m.user_id and u.deleted_at is not null)
""")


class UserAndOrganization(NamedTuple):
    """A user with the home organization; None when there is none, or when it is deleted."""

    user: User
    organization: Organization | None


async def get_user(session: Session, scope: Scope, *, user_id: str, deleted: bool = False) -> User:
    """Return a user; raises NotFound for an unknown or another organization's one, and a deleted one unless asked."""
    return await get_row(session, scope, UserTable, key={"id": user_id}, model=User, deleted=deleted)


async def get_user_by_email(session: Session, scope: Scope, *, email: str) -> User:
    """Return the user with that address, however it is written; raises NotFound as `get_user` does."""
    return await get_row(session, scope, UserTable, key={"email": canonical_email(email)}, model=User)


async def find_user_by_email(session: Session, scope: Scope, *, email: str) -> User | None:
    """Return the user with that address, however it is written, or None."""
    return await find_row(session, scope, UserTable, key={"email": canonical_email(email)}, model=User)


async def find_user_ids(session: Session, scope: Scope, *, user_ids: Collection[str]) -> frozenset[str]:
    """Return which of these users are here."""
    known = [user_id for user_id in user_ids if is_id(user_id)]
    statement = select(UserTable.id).where(*visible(scope, UserTable), one_of(UserTable.id, known))
    return frozenset((await session.execute(statement)).scalars())


async def get_user_page(
    session: Session,
    scope: Scope,
    *,
    window: Window,
    search: str | None = None,
    email_verified: bool | None = None,
    role_id: str | None = None,
    deleted: bool = False,
) -> Page[User]:
    """Return a page of users, newest first; `deleted` shows the soft-deleted ones too.

    `search` is found anywhere in the name or the address, in any case, and taken literally. The other filters are None
    for everybody.
    """
    where = _where(scope, search=search, email_verified=email_verified, role_id=role_id, deleted=deleted)
    return await read_page(session, UserTable, where=where, window=window, model=User)


async def get_user_slice(
    session: Session,
    scope: Scope,
    *,
    after: After,
    search: str | None = None,
    email_verified: bool | None = None,
    role_id: str | None = None,
    deleted: bool = False,
) -> Slice[User]:
    """Return a slice of what `get_user_page` lists, for walking all of it."""
    where = _where(scope, search=search, email_verified=email_verified, role_id=role_id, deleted=deleted)
    return await read_slice(session, UserTable, where=where, after=after, model=User)


async def get_user_with_organization(session: Session, scope: Scope, *, user_id: str) -> UserAndOrganization:
    """Return a user with the home organization, in one statement; raises NotFound as `get_user` does."""
    if not is_id(user_id):
        raise NotFound
    user_columns, organization_columns = columns(UserTable, User), columns(OrganizationTable, Organization)
    statement = (
        select(*user_columns, *organization_columns)
        .outerjoin(
            OrganizationTable,
            (OrganizationTable.id == UserTable.organization_id) & OrganizationTable.deleted_at.is_(None),
        )
        .where(*visible(scope, UserTable), UserTable.id == user_id)
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise NotFound
    of_user, of_organization = row[: len(user_columns)], row[len(user_columns) :]
    return UserAndOrganization(User(*of_user), Organization(*of_organization) if of_organization[0] else None)


async def permissions_of(session: Session, scope: TenantScope, *, user_id: str) -> frozenset[str]:
    """Return what a member's roles allow in this organization; nothing for anybody else, or where either is deleted."""
    if not is_id(user_id):
        return frozenset()
    rows = await session.run(PERMISSIONS, {"organization_id": scope.organization_id, "user_id": user_id})
    return frozenset(row[0] for row in rows)


async def is_member(session: Session, scope: TenantScope, *, user_id: str) -> bool:
    """Tell whether somebody has a role in this organization, even one that allows nothing, and neither is deleted."""
    if not is_id(user_id):
        return False
    membership = [within(scope, UserRoleTable), UserRoleTable.user_id == user_id]
    here = [OrganizationTable.id == UserRoleTable.organization_id, OrganizationTable.deleted_at.is_(None)]
    gone = exists().where(UserTable.id == UserRoleTable.user_id, UserTable.deleted_at.is_not(None))
    return bool((await session.execute(select(exists().where(*membership, *here, ~gone)))).scalar_one())


def _where(
    scope: Scope, *, search: str | None, email_verified: bool | None, role_id: str | None, deleted: bool
) -> list[ColumnElement[bool]]:
    where = visible(scope, UserTable, deleted=deleted)
    if search:
        where.append(matches_lowered(search, UserTable.search_text))
    if email_verified is not None:
        where.append(UserTable.email_verified.is_(email_verified))
    if role_id is not None:
        holders = select(UserRoleTable.user_id).where(within(scope, UserRoleTable), UserRoleTable.role_id == role_id)
        where.append(false() if json_values.problem(role_id) else UserTable.id.in_(holders))
    return where
