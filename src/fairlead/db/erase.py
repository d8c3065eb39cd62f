"""Erase: remove an organization without a trace: by the foreign keys everything in it, and its audit trail."""

from __future__ import annotations

from sqlalchemy import delete

from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.schema import AuditEvent, Organization


async def erase_organization(session: Session, _scope: SystemScope, *, organization_id: str) -> None:
    """Delete one organization's rows in every table, the audit events too, which would outlive it."""
    await session.execute(delete(Organization).where(Organization.id == organization_id))
    await session.execute(delete(AuditEvent).where(AuditEvent.organization_id == organization_id))
