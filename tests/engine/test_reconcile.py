from __future__ import annotations

import pytest
from tests.fixtures.accounts import differences, taken
from tests.fixtures.items import FLEET, claim_some, claimed, enqueue_some
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.engine.complete import Completion, complete
from fairlead.engine.reconcile import Correction, count_late, reconcile, slots_differ
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease

pytestmark = pytest.mark.anyio


async def _reconcile(database: Database) -> list[Correction]:
    async with database.unit_of_work(FLEET) as session:
        return await reconcile(session, FLEET)


async def _differ(database: Database) -> bool:
    return await slots_differ(database.alone(FLEET), FLEET)


async def _count_late(database: Database, owner: Tenant) -> None:
    async with database.unit_of_work(owner.scope) as session:
        await count_late(session, owner.scope)


async def _complete(database: Database, *leases: Lease) -> None:
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(lease) for lease in leases])


async def test_what_is_right_is_left_alone(database: Database, ours: Tenant) -> None:
    """Slots that agree with the leases are not corrected, in limited queues and in others."""
    limited = await make_tenant(database, max_concurrency=2)
    for owner in (ours, limited):
        await claimed(database, owner, 3)
    assert not await _differ(database)
    assert await _reconcile(database) == []
    assert (await taken(database, limited), await taken(database, ours)) == ((2, 2), (0, 0))


@pytest.mark.parametrize("wrong", [5, 0])
async def test_what_is_wrong_is_put_right(database: Database, wrong: int) -> None:
    """Slots that are too many or too few become what the leases say, and it is told by how much."""
    owner = await make_tenant(database, max_concurrency=2)
    await claimed(database, owner, 3)
    await tell(database, "update slots set taken = :wrong", wrong=wrong)
    assert await _differ(database)
    corrections = {Correction(owner.organization_id, queue_id, 2 - wrong) for queue_id in (owner.queue_id, "")}
    assert set(await _reconcile(database)) == corrections
    assert await taken(database, owner) == (2, 2)
    assert not await _differ(database)
    assert await _reconcile(database) == []


async def test_a_limit_that_is_switched_on_counts_who_is_there(database: Database, ours: Tenant) -> None:
    """Items that were claimed before their queue was limited take slots from then on, and give them back once."""
    leases = await claimed(database, ours, 3)
    await enqueue_some(database, ours, 9)
    await tell(database, "update queues set max_concurrency = 4")
    assert await _differ(database)
    await _count_late(database, ours)
    assert not await _differ(database)
    assert await taken(database, ours) == (3, 3)
    assert len(await claim_some(database, ours)) == 1
    await _count_late(database, ours)
    await _complete(database, *leases)
    assert await taken(database, ours) == (1, 1)
    assert await differences(database) == []


async def test_an_organizations_limit_counts_all_its_queues(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """When an organization is limited, whoever works on any of its items is counted, and nobody else is."""
    for owner in (ours, theirs):
        await claimed(database, owner, 2)
    await tell(
        database,
        "update organizations set max_concurrency = 9 where id = :organization",
        organization=ours.organization_id,
    )
    assert await _reconcile(database) == []
    assert (await taken(database, ours), await taken(database, theirs)) == ((2, 2), (0, 0))
    assert await differences(database) == []


async def test_a_limit_that_is_switched_off_leaves_nothing_behind(database: Database) -> None:
    """Items counted under a limit that is gone give back what they took; a new limit starts right."""
    owner = await make_tenant(database, max_concurrency=2)
    leases = await claimed(database, owner, 4)
    await tell(database, "update queues set max_concurrency = null")
    assert len(await claim_some(database, owner)) == 2
    await _complete(database, leases[0])
    assert await taken(database, owner) == (1, 1)
    await tell(database, "update queues set max_concurrency = 2")
    await _count_late(database, owner)
    assert await taken(database, owner) == (3, 3)
    assert await differences(database) == []


async def test_counting_late_waits_for_nobody(database: Database, ours: Tenant) -> None:
    """An item that somebody holds at that moment is counted the next time."""
    first, second = await claimed(database, ours, 2)
    await tell(database, "update queues set max_concurrency = 4")
    async with database.unit_of_work(FLEET) as session:
        await renew(session, FLEET, leases=[first], lease_seconds=60)
        await _count_late(database, ours)
    assert await taken(database, ours) == (1, 1)
    assert await differences(database) == []
    await _reconcile(database)
    assert await taken(database, ours) == (2, 2)
    await _complete(database, first, second)
    assert await taken(database, ours) == (0, 0)
