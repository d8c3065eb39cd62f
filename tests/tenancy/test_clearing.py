"""What clears a queue or forgets an organization leaves another's alone, where the application's walls stand alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import psycopg
import pytest
from sqlalchemy import text
from tests.fixtures.every_table import fill_every_table
from tests.tenancy.world import FLEET

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import tenant
from fairlead.engine.clear import clear, empty, forget

pytestmark = pytest.mark.anyio
# Of what a queue or an organization is cleared.
_KEPT = text("""
select 'item' as name, count(*) as many from queue_items where organization_id = :organization
union all select 'counter', count(*) from item_counters where organization_id = :organization
union all select 'ordering', count(*) from ordering_turns where organization_id = :organization
union all select 'depth', count(*) from depth_turns where organization_id = :organization
union all select 'slots', count(*) from slots where organization_id = :organization
""")


@pytest.fixture
def two(database_url: str) -> tuple[str, str]:
    """The ids of two organizations with a row in every table."""
    with psycopg.connect(database_url) as connection:
        return fill_every_table(connection), fill_every_table(connection)


async def _kept(session: Session, organization: str) -> dict[str, int]:
    rows = await session.execute(_KEPT.bindparams(organization=organization))
    return {row.name: row.many for row in rows}


async def test_who_is_forgotten(database: Database, two: tuple[str, str]) -> None:
    """Forgetting one organization leaves every row of the other."""
    gone, other = two
    async with database.unit_of_work(FLEET) as session:
        before, theirs = await _kept(session, gone), await _kept(session, other)
        await forget(session, FLEET, organization_id=gone)
        assert await _kept(session, other) == theirs
        assert min(before.values()) > 0
        after = await _kept(session, gone)
        assert {after[name] for name in ("counter", "ordering")} == {0}


@pytest.mark.parametrize("verb", [clear, empty])
async def test_whose_queue_is_cleared(
    database: Database, two: tuple[str, str], verb: Callable[..., Awaitable[object]]
) -> None:
    """Called for another organization's queue nothing of it goes, and none of its items is locked."""
    own, other = two
    async with database.unit_of_work(FLEET) as session:
        theirs = await _kept(session, other)
        query = text("select id from queues where organization_id = :other").bindparams(other=other)
        (queue_id, *_) = (await session.execute(query)).scalars().all()
        await verb(session, tenant(own), queue_id=queue_id)
        assert await _kept(session, other) == theirs
        locked = text("select xmax::text from queue_items_live where organization_id = :other").bindparams(other=other)
        assert set((await session.execute(locked)).scalars()) <= {"0"}
