"""Two organizations take turns on the same few connections, and are interrupted in the middle of things."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from anyio.lowlevel import checkpoint
from sqlalchemy import text
from tests.tenancy.world import FLEET, Target

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database, Isolation
from fairlead.errors import TransactionConflict
from fairlead.queries.page import Window
from fairlead.queries.queues import get_queue_page
from fairlead.services.queues import update_queue

pytestmark = pytest.mark.anyio

ISOLATIONS: tuple[Isolation, ...] = ("read committed", "repeatable read", "serializable")
TURNS, AT_ONCE, CONNECTIONS = 10_000, 8, 2
# Past the functions' own checks: whatever the connection shows is what row security lets through.
WHOSE = text("select distinct organization_id, current_user, current_setting('transaction_isolation') from queues")
OPEN = text("""
select count(*) from pg_stat_activity
where datname = current_database() and application_name = 'alternating' and state <> 'idle'
""")


@pytest.fixture
async def narrow(world_url: str) -> AsyncIterator[Database]:
    """The same database over two connections."""
    options = DatabaseOptions(url=world_url, application_name="alternating", pool_size=CONNECTIONS)
    opened = Database(options)
    yield opened
    await opened.close()


async def _turn(database: Database, whose: Target, chance: random.Random) -> str | None:
    """Work in one organization; return what is wrong with what it saw. One turn in ten changes something."""
    isolation: Isolation = chance.choice(ISOLATIONS)
    async with database.unit_of_work(whose.scope, isolation=isolation) as session:
        seen = {tuple(row) for row in await session.execute(WHOSE)}
        if seen != {(whose.organization_id, "fairlead_app", isolation)}:
            return f"{whose.organization_id} saw {seen}"
        if chance.random() < 0.1:
            async with session.savepoint():
                await update_queue(session, whose.scope, queue_id=whose.queue_id, max_attempts=chance.randint(1, 9))
        if chance.random() < 0.8:
            return None
        page = await get_queue_page(session, whose.scope, window=Window())
        strangers = {queue.organization_id for queue in page.data} - {whose.organization_id}
        return f"{whose.organization_id} was shown {strangers}" if strangers else None


async def test_alternating_organizations_never_meet(
    world: Database, narrow: Database, own: Target, victim: Target
) -> None:
    """Ten thousand turns over two connections, one in five cancelled somewhere: no foreign row, nothing left open."""
    chance = random.Random(20261123)  # noqa: S311 - the same turns in every run
    wrong: list[str] = []
    cancelled = 0

    async def turns(count: int) -> None:
        nonlocal cancelled
        for number in range(count):
            turn = asyncio.ensure_future(_turn(narrow, (own, victim)[number % 2], chance))
            if chance.random() < 0.2:
                for _ in range(chance.randint(0, 12)):
                    await checkpoint()  # steps of the loop, not time
                turn.cancel()
            try:
                if problem := await turn:
                    wrong.append(problem)
            except asyncio.CancelledError:
                cancelled += 1
            except TransactionConflict:  # both connections changed the same queue: nothing was changed by this one
                pass

    await asyncio.gather(*(turns(TURNS // AT_ONCE) for _ in range(AT_ONCE)))
    assert wrong == []
    assert cancelled > TURNS // 20
    async with world.unit_of_work(FLEET) as session:
        assert (await session.execute(OPEN)).scalar_one() == 0
    assert await _turn(narrow, own, chance) is None
