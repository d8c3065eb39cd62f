"""What changes or deletes many rows at once names only one's own, whatever the key says and without row security."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.tenancy.world import FLEET, Target

from fairlead.db.rows import delete_rows, update_rows
from fairlead.db.session import Database, Session
from fairlead.schema.queues import Queue as QueueTable

pytestmark = pytest.mark.anyio


async def _names(session: Session, victim: Target) -> set[str]:
    rows = await session.execute(
        text("select name from queues where organization_id = :id").bindparams(id=victim.organization_id)
    )
    return {row.name for row in rows}


async def test_nothing_of_another_is_changed(world: Database, own: Target, victim: Target) -> None:
    """Even in a transaction that sees everything a tenant's call changes no row of another's."""
    async with world.unit_of_work(FLEET) as session:
        before = await _names(session, victim)
        key = {"id": victim.queue_id}
        assert await update_rows(session, own.scope, QueueTable, key=key, values={"name": "taken"}) == 0
        assert await _names(session, victim) == before


async def test_nothing_of_another_is_deleted(world: Database, own: Target, victim: Target) -> None:
    """Even in a transaction that sees everything a tenant's call deletes no row of another's."""
    async with world.unit_of_work(FLEET) as session:
        before = await _names(session, victim)
        await delete_rows(session, own.scope, QueueTable, key={"id": victim.queue_id})
        assert await _names(session, victim) == before
