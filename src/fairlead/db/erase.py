"""Erase: remove an organization and, by the foreign keys, everything in it; for good."""

from __future__ import annotations

from sqlalchemy import delete

from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.schema import Organization


async def erase_organization(session: Session, _scope: SystemScope, *, organization_id: str) -> None:
    """Delete one organization's rows in every table."""
    await session.execute(delete(Organization).where(Organization.id == organization_id))
