"""Erase: remove an organization without a trace: by the foreign keys what is in it, and what outlives it."""

from __future__ import annotations

from sqlalchemy import delete

from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.schema import AuditEvent, ItemCounter, OrderingTurn, Organization, QueueItem


async def erase_organization(session: Session, _scope: SystemScope, *, organization_id: str) -> None:
    """Delete one organization's rows in every table."""
    await session.execute(delete(Organization).where(Organization.id == organization_id))
    for table in (QueueItem, ItemCounter, OrderingTurn, AuditEvent):
        await session.execute(delete(table).where(table.organization_id == organization_id))
