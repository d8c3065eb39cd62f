from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.fixtures.accounts import differences, taken
from tests.fixtures.clock import ClockedDatabase
from tests.fixtures.items import FLEET, claim_some, claimed, enqueue_some, expire, rescue_all
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.engine.cancel import cancel
from fairlead.engine.claim import WHOLE, Source, Walk, claim
from fairlead.engine.complete import Completion, complete
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.fail import Failure, fail
from fairlead.engine.reconcile import correct_slots
from fairlead.engine.release import release
from fairlead.engine.reports import Lease

pytestmark = pytest.mark.anyio


async def second_queue(database: Database, owner: Tenant, **queue: Any) -> Tenant:
    """Make another queue of the same organization."""
    made = Tenant(owner.organization_id, new_id())
    columns = "".join(f", {name}" for name in queue)
    values = "".join(f", {value}" for value in queue.values())
    await tell(
        database,
        f"insert into queues (id, organization_id, name{columns}) values (:id, :organization, :id{values})",  # noqa: S608 - our own names
        id=made.queue_id,
        organization=made.organization_id,
    )
    return made


async def limit(database: Database, owner: Tenant, most: int | None) -> None:
    """Limit the whole organization."""
    statement = "update organizations set max_concurrency = :most where id = :id"
    await tell(database, statement, most=most, id=owner.organization_id)


async def test_a_queue_gives_no_more_than_its_limit(database: Database) -> None:
    """As many items are worked on at once as the queue allows, the first in order, and no more."""
    owner = await make_tenant(database, max_concurrency=3)
    ids = await enqueue_some(database, owner, 5)
    assert [item.id for item in await claim_some(database, owner, 2)] == ids[:2]
    assert [item.id for item in await claim_some(database, owner)] == ids[2:3]
    assert await claim_some(database, owner) == []
    assert await taken(database, owner) == (3, 3)
    assert await differences(database) == []


async def test_an_organization_shares_its_limit(database: Database) -> None:
    """All queues of an organization together give no more than it allows, also those without limits of their own."""
    first = await make_tenant(database, max_concurrency=4)
    second = await second_queue(database, first)
    await limit(database, first, 5)
    for queue in (first, second):
        await enqueue_some(database, queue, 9)
    sources = [Source(queue.organization_id, queue.queue_id, 9) for queue in (first, second)]
    async with database.unit_of_work(FLEET) as session:
        items = await claim(session, FLEET, sources=sources, worker_id="w")
    assert [sum(item.queue_id == queue.queue_id for item in items) for queue in (first, second)] == [4, 1]
    assert await claim_some(database, second) == []
    assert (await taken(database, first), await taken(database, second)) == ((4, 5), (1, 5))
    assert await differences(database) == []


async def test_a_claim_that_opens_one_queue_asks_no_other_twice(database: Database) -> None:
    """Beside a queue that is claimed from for the first time, another one gives no more than it is asked for."""
    opened = await make_tenant(database, max_concurrency=9)
    unopened = await second_queue(database, opened, max_concurrency=9)
    assert await claim_some(database, opened) == []
    for queue in (opened, unopened):
        await enqueue_some(database, queue, 5)
    sources = [Source(queue.organization_id, queue.queue_id, 2) for queue in (opened, unopened)]
    async with database.unit_of_work(FLEET) as session:
        items = await claim(session, FLEET, sources=sources, worker_id="w")
    assert [sum(item.queue_id == queue.queue_id for item in items) for queue in (opened, unopened)] == [2, 2]


async def test_another_organizations_limit_is_its_own(database: Database) -> None:
    """A full organization holds up nobody else in the same claim."""
    full, free = await make_tenant(database), await make_tenant(database)
    await limit(database, full, 1)
    for owner in (full, free):
        await enqueue_some(database, owner, 3)
    sources = [Source(owner.organization_id, owner.queue_id, 9) for owner in (full, free)]
    async with database.unit_of_work(FLEET) as session:
        items = await claim(session, FLEET, sources=sources, worker_id="w")
    assert [sum(item.queue_id == owner.queue_id for item in items) for owner in (full, free)] == [1, 3]
    assert {item.counted for item in items if item.queue_id == free.queue_id} == {False}


@pytest.mark.parametrize("rule", ["max_concurrency", "rate_limit"])
async def test_a_source_named_twice_is_limited_once(database: Database, rule: str) -> None:
    """Naming a limited queue twice in one claim, for other parts of its order too, gives no more than its limit."""
    owner = await make_tenant(database, **{rule: 3})
    for priority in (0, 1):
        await enqueue_some(database, owner, 5, priority=priority)
    walks = ((Walk(highest=0),), (Walk(lowest=1),))
    sources = [Source(owner.organization_id, owner.queue_id, 2, walks=walk) for walk in walks]
    async with database.unit_of_work(FLEET) as session:
        items = await claim(session, FLEET, sources=sources, worker_id="w")
    assert sorted(item.priority for item in items) == [0, 0, 1]
    assert await taken(database, owner) == (3, 3)


@pytest.mark.parametrize("limited", [True, False])
@pytest.mark.parametrize("walks", [WHOLE, (Walk(highest=0, lowest=0), Walk(highest=-1))], ids=["whole", "walks"])
async def test_the_limit_holds_whatever_the_caller_believes(
    database: Database, limited: bool, walks: tuple[Walk, ...]
) -> None:
    """A caller that takes a limited queue for an unlimited one gets what its limit leaves all the same."""
    owner = await make_tenant(database, max_concurrency=2)
    await enqueue_some(database, owner, 3)
    source = Source(owner.organization_id, owner.queue_id, 9, walks=walks, limited=limited)
    for left in (2, 0):
        async with database.unit_of_work(FLEET) as session:
            assert len(await claim(session, FLEET, sources=[source], worker_id="w")) == left
    assert await differences(database) == []


async def test_an_unlimited_queue_takes_no_slot(database: Database, ours: Tenant) -> None:
    """Where nothing is limited no item is counted and no row of slots is made."""
    await claimed(database, ours, 3)
    assert await tell(database, "select 1 from slots") == []
    assert await tell(database, "select 1 from queue_items where counted") == []


async def _ended(database: Database, owner: Tenant, leases: list[Lease]) -> None:
    done, failed, gone, released, lost, cancelled = leases
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(done)])
        await fail(
            session, FLEET, failures=[Failure(failed, "no", delay_seconds=60), Failure(gone, "no", give_up=True)]
        )
        await release(session, FLEET, leases=[released])
    async with database.unit_of_work(owner.scope) as session:
        await cancel(session, owner.scope, item_ids=[cancelled.id])
        await end_cancelled(session, owner.scope, leases=[cancelled])
    await expire(database, lost)
    await rescue_all(database)


async def test_every_end_of_a_lease_gives_its_slot_back(database: Database) -> None:
    """However a lease ends, its slot is free again, for the queue and the organization."""
    owner = await make_tenant(database, max_concurrency=6)
    await limit(database, owner, 6)
    leases = await claimed(database, owner, 12)
    assert await taken(database, owner) == (6, 6)
    await _ended(database, owner, leases)
    assert await taken(database, owner) == (0, 0)
    assert len(await claim_some(database, owner)) == 6
    assert await differences(database) == []


async def test_a_late_outcome_gives_no_slot_back_twice(database: Database) -> None:
    """A lost lease's report and a repeated completion leave the slots as they are."""
    owner = await make_tenant(database, max_concurrency=2)
    done, lost = await claimed(database, owner, 2)
    await expire(database, lost)
    await rescue_all(database)
    for _ in range(2):
        async with database.unit_of_work(FLEET) as session:
            await complete(session, FLEET, completions=[Completion(done), Completion(lost)])
    assert await taken(database, owner) == (0, 0)
    assert await differences(database) == []


async def test_a_limit_is_lowered_and_lifted_live(database: Database) -> None:
    """A lower limit takes nothing from anybody and gives nothing until there is room; lifted, it is no limit."""
    owner = await make_tenant(database, max_concurrency=4)
    await enqueue_some(database, owner, 9)
    items = await claim_some(database, owner)
    await tell(database, "update queues set max_concurrency = 2")
    for left, free in ((3, 0), (2, 0), (1, 1)):
        async with database.unit_of_work(FLEET) as session:
            await complete(session, FLEET, completions=[Completion(items.pop())])
        assert len(items) == left
        assert len(await claim_some(database, owner)) == free
    await tell(database, "update queues set max_concurrency = null")
    assert len(await claim_some(database, owner)) == 4
    assert await differences(database) == []


RATE, PERIOD = 5, 60


async def _rated(clocked: ClockedDatabase, **rules: int) -> Tenant:
    owner = await make_tenant(clocked, **{"rate_limit": RATE, "rate_period_seconds": PERIOD, **rules})
    await enqueue_some(clocked, owner, 400)
    return owner


def _most_in_a_period(starts: list[int], period: int = PERIOD) -> int:
    return max(sum(first <= start < first + period for start in starts) for first in starts)


@pytest.mark.parametrize("step", [1, 7, 61])
async def test_no_period_has_more_starts_than_the_rate(clocked: ClockedDatabase, step: int) -> None:
    """Wherever in time a period begins, no more items are started in it than the rate, and hardly fewer."""
    owner, starts = await _rated(clocked), list[int]()
    first = clocked.now
    while clocked.now < first + 8 * PERIOD:
        starts += [clocked.now] * len(await claim_some(clocked, owner))
        clocked.now += step
    assert _most_in_a_period(starts) <= RATE
    assert len(starts) >= 7 * RATE or step > PERIOD
    assert await differences(clocked) == []


async def test_a_rate_counts_starts_not_ends(clocked: ClockedDatabase) -> None:
    """An item that is finished or given back has been started all the same."""
    owner = await _rated(clocked)
    items = await claim_some(clocked, owner)
    async with clocked.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(item) for item in items[:2]])
        await release(session, FLEET, leases=[item.lease for item in items[2:]])
    assert len(items) == RATE
    assert await claim_some(clocked, owner) == []
    clocked.now += 2 * PERIOD
    assert len(await claim_some(clocked, owner)) == RATE


async def test_a_rate_is_changed_live(clocked: ClockedDatabase) -> None:
    """A higher rate holds at once, a lower one counts what was started already."""
    owner = await _rated(clocked)
    assert len(await claim_some(clocked, owner)) == RATE
    await tell(clocked, "update queues set rate_limit = 7")
    assert len(await claim_some(clocked, owner)) == 2
    await tell(clocked, "update queues set rate_limit = 2")
    clocked.now += 2 * PERIOD
    assert len(await claim_some(clocked, owner)) == 2
    await tell(clocked, "update queues set rate_limit = null")
    assert len(await claim_some(clocked, owner, 50)) == 50


async def test_rate_and_concurrency_hold_together(clocked: ClockedDatabase) -> None:
    """A queue with both gives the lesser of what they leave."""
    owner = await _rated(clocked, max_concurrency=3)
    items = await claim_some(clocked, owner)
    async with clocked.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(item) for item in items])
    assert (len(items), len(await claim_some(clocked, owner))) == (3, 2)
    assert await taken(clocked, owner) == (2, 2)


async def test_a_clock_that_went_back_gives_no_more(clocked: ClockedDatabase) -> None:
    """When the server's clock is set back a little, what was started still counts."""
    owner = await _rated(clocked)
    assert len(await claim_some(clocked, owner)) == RATE
    clocked.now -= 10
    assert await claim_some(clocked, owner) == []


async def test_a_handlers_open_transaction_holds_nobody_up(database: Database) -> None:
    """Its queue gives items and takes outcomes while it is open; its slot stays taken until it is put right."""
    owner = await make_tenant(database, max_concurrency=3)
    await enqueue_some(database, owner, 5)
    first, second = await claim_some(database, owner, 2)
    async with database.unit_of_work(owner.scope) as handlers:
        completions = [Completion(first)]
        assert await complete(handlers, owner.scope, completions=completions, keeps_slots=True) == {first.id}

        async with database.unit_of_work(FLEET) as session:
            assert await complete(session, FLEET, completions=[Completion(second)]) == {second.id}
        third, fourth = await claim_some(database, owner)
        assert await claim_some(database, owner) == []
    assert await claim_some(database, owner) == []

    async with database.unit_of_work(FLEET) as session:
        assert {correction.difference for correction in await correct_slots(session, FLEET)} == {-1}
    assert len(await claim_some(database, owner)) == 1
    assert await differences(database) == []
    assert third.id != fourth.id


async def test_slots_are_corrected_once(database: Database) -> None:
    """Of those who find the same slots wrong at once, one puts them right and the others find them right."""
    owner = await make_tenant(database, max_concurrency=3)
    await enqueue_some(database, owner, 1)
    (item,) = await claim_some(database, owner)
    async with database.unit_of_work(owner.scope) as session:
        await complete(session, owner.scope, completions=[Completion(item)], keeps_slots=True)

    async def corrected() -> int:
        async with database.unit_of_work(FLEET) as session:
            return len(await correct_slots(session, FLEET))

    assert sorted(await asyncio.gather(*(corrected() for _ in range(5)))) == [0, 0, 0, 0, 2]
    assert await differences(database) == []
