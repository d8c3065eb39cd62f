from __future__ import annotations

import anyio
import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, enqueue_some
from tests.fixtures.organizations import Tenant
from tests.fixtures.statements import opened, value_of
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database, Isolation
from fairlead.db.tenancy import tenant
from fairlead.db.turn import take_turn
from fairlead.domain.ids import new_id
from fairlead.errors import Busy, NotFound, TransactionConflict

pytestmark = pytest.mark.anyio

WEIGHT = "select weight from organizations"
HEAVIER = "update organizations set weight = weight + 1"


async def test_the_next_one_sees_what_the_last_one_left(database: Database, ours: Tenant) -> None:
    """Who comes second waits until the first has committed, and then decides on what is so."""
    seen = []

    async def comes_second() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await take_turn(session, ours.scope)
            seen.append(await value_of(session, WEIGHT))

    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        await take_turn(session, ours.scope)
        tasks.start_soon(comes_second)
        await until_blocked(database)
        await session.execute(text(HEAVIER))
        assert seen == []

    assert seen == [2]


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_who_cannot_see_it_does_not_decide(database: Database, ours: Tenant, isolation: Isolation) -> None:
    """A transaction whose snapshot is older than the last turn gets none: it ends in TransactionConflict."""
    async with database.unit_of_work(ours.scope, isolation=isolation) as session:
        await value_of(session, WEIGHT)
        async with database.unit_of_work(ours.scope) as other:
            await take_turn(other, ours.scope)
        with pytest.raises(TransactionConflict):
            async with session.savepoint():
                await take_turn(session, ours.scope)


async def test_a_turn_is_kept_until_the_end(database: Database, ours: Tenant) -> None:
    """A turn is not given back before the transaction ends, not at the end of a savepoint either."""
    async with database.unit_of_work(ours.scope) as session, opened(database, lock_timeout_seconds=0.05) as hurried:
        async with session.savepoint():
            await take_turn(session, ours.scope)
        async with hurried.unit_of_work(ours.scope) as other:
            with pytest.raises(Busy):
                async with other.savepoint():
                    await take_turn(other, ours.scope)


async def test_each_organization_has_its_own(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """Turns of two organizations do not wait for each other, and adding items waits for neither."""
    async with database.unit_of_work(ours.scope) as session:
        await take_turn(session, ours.scope)
        async with opened(database, lock_timeout_seconds=0.05) as hurried:
            async with hurried.unit_of_work(theirs.scope) as other:
                await take_turn(other, theirs.scope)
            assert len(await enqueue_some(hurried, ours, 3)) == 3


async def test_a_turn_changes_nothing(database: Database, ours: Tenant) -> None:
    """Taking a turn is no change: the row is as before, `updated_at` too."""
    row = text("select to_jsonb(o) from organizations o")
    async with database.unit_of_work(FLEET) as session:
        before = (await session.execute(row)).scalar_one()
    async with database.unit_of_work(ours.scope) as session:
        await take_turn(session, ours.scope)
    async with database.unit_of_work(FLEET) as session:
        assert (await session.execute(row)).scalar_one() == before


async def test_who_is_not_there_has_no_turn(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """There is no turn of an organization that does not exist or that the transaction may not touch."""
    nobody = tenant(new_id())
    async with database.unit_of_work(nobody) as session:
        with pytest.raises(NotFound):
            await take_turn(session, nobody)
    async with database.unit_of_work(theirs.scope) as session:
        with pytest.raises(NotFound):
            await take_turn(session, ours.scope)
