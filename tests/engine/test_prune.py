from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.accounts import differences
from tests.fixtures.items import FLEET, claimed, item_in, one_in_each_status
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.domain.item_status import FINISHED, LIVE, ItemStatus
from fairlead.engine.complete import Completion, complete
from fairlead.engine.prune import prune, prune_periods

pytestmark = pytest.mark.anyio

_AGE = (
    "update queue_items set finished_at = finished_at - make_interval(secs => :seconds) where finished_at < 'infinity'"
)
_PERIOD = """
insert into unique_periods (organization_id, queue_id, unique_key, item_id, expires_at)
select organization_id, id, :key, '', statement_timestamp() + make_interval(secs => :seconds) from queues where id = :id
"""


async def _prune(database: Database, most: int = 100) -> int:
    async with database.unit_of_work(FLEET) as session:
        return await prune(session, FLEET, most=most)


async def _completed(database: Database, owner: Tenant, count: int) -> None:
    leases = await claimed(database, owner, count)
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(lease) for lease in leases])


async def _left(database: Database, owner: Tenant) -> set[str]:
    return {
        row.id for row in await tell(database, "select id from queue_items where queue_id = :id", id=owner.queue_id)
    }


@pytest.mark.parametrize("status", ItemStatus)
async def test_what_is_kept_no_longer_goes(database: Database, status: ItemStatus) -> None:
    """An item goes when it is finished, however it ended, and its queue keeps nothing; a live one never does."""
    owner = await make_tenant(database, retention_seconds=0)
    lease = await item_in(database, owner, status)
    assert await _prune(database) == (status in FINISHED)
    assert await _left(database, owner) == ({lease.id} if status in LIVE else set())
    assert await differences(database) == []


async def test_a_queue_keeps_what_it_says(database: Database) -> None:
    """Each queue's own time counts, to the second; one without a time keeps everything for ever."""
    hour, day, ever = [await make_tenant(database, retention_seconds=seconds) for seconds in (3600, 86400, None)]
    ids = {owner.queue_id: await one_in_each_status(database, owner) for owner in (hour, day, ever)}
    await tell(database, _AGE, seconds=3590)
    assert await _prune(database) == 0
    await tell(database, _AGE, seconds=20)
    assert await _prune(database) == len(FINISHED)

    assert await _left(database, hour) == {ids[hour.queue_id][status] for status in LIVE}
    assert await _left(database, day) == set(ids[day.queue_id].values())
    assert await _left(database, ever) == set(ids[ever.queue_id].values())
    assert await differences(database) == []


async def test_a_pruning_is_bounded(database: Database) -> None:
    """No more go at a time than asked for, from however many queues, and those finished first go first."""
    owners = [await make_tenant(database, retention_seconds=0) for _ in range(2)]
    for owner in owners:
        await _completed(database, owner, 3)
    assert [await _prune(database, most=4) for _ in range(3)] == [4, 2, 0]
    assert await differences(database) == []


async def test_the_first_finished_go_first(database: Database) -> None:
    """Of a queue's items those that were finished first go first."""
    owner = await make_tenant(database, retention_seconds=0)
    await _completed(database, owner, 2)
    await tell(database, _AGE, seconds=60)
    old = await _left(database, owner)
    await _completed(database, owner, 2)
    assert await _prune(database, most=2) == 2
    assert not old & await _left(database, owner)


async def test_a_queue_that_is_soft_deleted_is_pruned(database: Database) -> None:
    """What a soft-deleted queue keeps goes at its time, too."""
    owner = await make_tenant(database, retention_seconds=0)
    await _completed(database, owner, 1)
    await tell(database, "update queues set deleted_at = now()")
    assert await _prune(database) == 1


async def test_a_pruning_waits_for_nobody(database: Database) -> None:
    """Items that somebody holds, and those of a queue that is being deleted, are passed by at once."""
    owner, leaving = [await make_tenant(database, retention_seconds=0) for _ in range(2)]
    await _completed(database, owner, 2)
    await _completed(database, leaving, 1)
    held = min(await _left(database, owner))
    async with database.unit_of_work(FLEET) as holder:
        await holder.execute(text("select from queue_items where id = :id for update").bindparams(id=held))
        await holder.execute(text("select from queues where id = :id for update").bindparams(id=leaving.queue_id))
        async with database.unit_of_work(FLEET) as session:
            await session.execute(text("set local lock_timeout = '1ms'"))
            assert await prune(session, FLEET, most=10) == 1
    assert await _left(database, owner) == {held}
    assert len(await _left(database, leaving)) == 1


async def test_periods_that_are_over_go(database: Database, ours: Tenant) -> None:
    """A unique key whose period is over is forgotten, in bounded batches; one that is held stays."""
    for key, seconds in (("a", -5), ("b", -1), ("c", -1), ("d", 3600)):
        await tell(database, _PERIOD, key=key, seconds=seconds, id=ours.queue_id)
    removed = []
    for _ in range(3):
        async with database.unit_of_work(FLEET) as session:
            removed.append(await prune_periods(session, FLEET, most=2))
    assert removed == [2, 1, 0]
    assert [row.unique_key for row in await tell(database, "select unique_key from unique_periods")] == ["d"]
