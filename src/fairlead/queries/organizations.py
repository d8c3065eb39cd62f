"""Organizations, as others see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select

from fairlead.db.rows import columns, read_row
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, SystemScope
from fairlead.errors import NotFound
from fairlead.schema.organizations import Organization as OrganizationTable


@dataclass(frozen=True, slots=True)
class Organization:
    """One tenant; limits that are None do not exist."""

    id: str
    name: str
    slug: str
    weight: int
    max_queue_depth: int | None
    max_concurrency: int | None
    created_at: datetime
    updated_at: datetime


async def get_organization(session: Session, scope: Scope, *, organization_id: str) -> Organization:
    """Return an organization by id; raises NotFound for an unknown, deleted or out-of-scope one."""
    if scope.organization_id not in {"", organization_id}:
        raise NotFound
    return await _get(session, OrganizationTable.id == organization_id)


async def get_organization_by_slug(session: Session, _scope: SystemScope, *, slug: str) -> Organization:
    """Return an organization by slug; raises NotFound for an unknown or deleted one."""
    return await _get(session, OrganizationTable.slug == slug)


async def _get(session: Session, condition: ColumnElement[bool]) -> Organization:
    statement = select(*columns(OrganizationTable, Organization)).where(
        condition, OrganizationTable.deleted_at.is_(None)
    )
    return await read_row(session, statement, model=Organization)
