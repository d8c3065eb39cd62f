"""Organizations, as others see them."""

from __future__ import annotations

from sqlalchemy import exists, false

from fairlead.db.rows import get_row, visible
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, SystemScope
from fairlead.domain.ids import is_id
from fairlead.queries.page import Page, Window, read_page
from fairlead.queries.search import matches
from fairlead.rows import Organization
from fairlead.schema.organizations import Organization as OrganizationTable
from fairlead.schema.user_roles import UserRole as UserRoleTable


async def get_organization(
    session: Session, scope: Scope, *, organization_id: str, deleted: bool = False
) -> Organization:
    """Return an organization by id; raises NotFound for an unknown, deleted or out-of-scope one."""
    key = {"id": organization_id}
    return await get_row(session, scope, OrganizationTable, key=key, model=Organization, deleted=deleted)


async def get_organization_by_slug(session: Session, scope: SystemScope, *, slug: str) -> Organization:
    """Return an organization by slug; raises NotFound for an unknown or deleted one."""
    return await get_row(session, scope, OrganizationTable, key={"slug": slug}, model=Organization)


async def get_organization_page(
    session: Session, scope: Scope, *, window: Window, search: str | None = None, deleted: bool = False
) -> Page[Organization]:
    """Return a page of the scope's organizations, newest first; `search` is in the name or the slug, literally."""
    where = visible(scope, OrganizationTable, deleted=deleted)
    if search:
        where.append(matches(search, OrganizationTable.name, OrganizationTable.slug))
    return await read_page(session, OrganizationTable, where=where, window=window, model=Organization)


async def get_page_of_member(
    session: Session, scope: SystemScope, *, user_id: str, window: Window, search: str | None = None
) -> Page[Organization]:
    """Return a page of the organizations that a user has a role in, newest first; `search` as above."""
    holds = exists().where(UserRoleTable.organization_id == OrganizationTable.id, UserRoleTable.user_id == user_id)
    where = [*visible(scope, OrganizationTable), holds if is_id(user_id) else false()]
    if search:
        where.append(matches(search, OrganizationTable.name, OrganizationTable.slug))
    return await read_page(session, OrganizationTable, where=where, window=window, model=Organization)
