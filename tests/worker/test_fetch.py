from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, claim_some, enqueue_some, expire, rescue_all, rows_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.waiting import until

from fairlead.db.session import Database
from fairlead.services.organizations import restore_organization, soft_delete_organization
from fairlead.worker.buffer import Buffer
from fairlead.worker.fetch import MOST_A_CLAIM_AMONG_FEW, RESERVE, Fetcher, FetchOptions
from fairlead.worker.held import Held, HeldItems
from fairlead.worker.known import PORTIONS
from fairlead.worker.outcome import returned
from fairlead.worker.pace import MOST_A_CLAIM
from fairlead.worker.scout import ORGANIZATIONS_A_TURN

pytestmark = pytest.mark.anyio

_PAUSE = text("update queues set paused_at = now(), resume_at = :resume_at where id = :id")
_WEIGH = text("update organizations set weight = :weight where id = :id")


class Taken:
    """A fetcher whose turns the test takes, and what it got, turn by turn."""

    def __init__(self, database: Database, *, concurrency: int = 20, queues: tuple[str, ...] = ("work",)) -> None:
        self.held = HeldItems()
        self.buffer = Buffer()
        self.supplied: list[int] = []
        options = FetchOptions("worker", queues, concurrency, poll_seconds=3.0)
        self.fetcher = Fetcher(
            database, self.held, self.buffer, looks=database, options=options, supplied=self.supplied.append, aside={}
        )
        self.fetcher.known.sweeps.swept = lambda *_times: None  # type: ignore[method-assign]  # however busy we are
        self.ahead = 0  # in place of the pace at which a test finishes items
        self.fetcher._pace.ahead = lambda: self.ahead  # type: ignore[method-assign]

    async def look(self) -> float:
        """Let the scout look, whether or not it is time to."""
        self.fetcher.scout._hurried = True
        return await self.fetcher.scout._turn()

    async def turn(self) -> list[Held]:
        """Look, claim once and return what came."""
        await self.look()
        return await self.claim()

    async def claim(self) -> list[Held]:
        """Claim once, without a look, and return what came."""
        before = set(self.held.snapshot())
        await self.fetcher._turn()
        return [held for held in self.held.snapshot() if held not in before]

    def finish(self) -> None:
        """Let everything held be done."""
        done = self.held.snapshot()
        self.buffer.take_all()
        for held in done:
            self.held.drop(held)
        self.fetcher.reported([returned(held, None) for held in done])

    async def turns(self, count: int) -> Counter[str]:
        """Take turns, finishing everything after each; return how many items each organization got."""
        got: Counter[str] = Counter()
        for _ in range(count):
            got.update(held.claimed.organization_id for held in await self.turn())
            self.finish()
        return got


@pytest.fixture
async def taken(database: Database) -> AsyncIterator[Taken]:
    """A fetcher of twenty handlers for the queue 'work'."""
    made = Taken(database)
    yield made
    made.fetcher.close()


async def test_small_organizations_are_served_at_once(database: Database, taken: Taken) -> None:
    """While one organization has 2 000 items waiting, two others get their five each with the first claim."""
    large, *small = [await make_tenant(database) for _ in range(3)]
    await enqueue_some(database, large, 2000)
    for owner in small:
        await enqueue_some(database, owner, 5)

    got = await taken.turns(1)

    assert [got[owner.organization_id] for owner in small] == [5, 5]
    assert got[large.organization_id] > 0


@pytest.mark.parametrize(
    ("organizations", "most"), [(1, MOST_A_CLAIM), (2, MOST_A_CLAIM_AMONG_FEW), (PORTIONS, MOST_A_CLAIM)]
)
async def test_a_claim_is_large_where_it_keeps_nobody_waiting(
    database: Database, organizations: int, most: int
) -> None:
    """A claim takes as much as one may, but less when it would be of a few organizations only."""
    for _ in range(organizations):
        await enqueue_some(database, await make_tenant(database), 1200 // organizations)
    taken = Taken(database, concurrency=600)
    await taken.look()
    while taken.fetcher.scout._after:
        await taken.look()

    assert len(await taken.claim()) == most


async def test_a_crowd_gets_two_claims_at_once(database: Database) -> None:
    """While a claim of a crowd is under way another is made like it, for the room that the first leaves."""
    for _ in range(PORTIONS):
        await enqueue_some(database, await make_tenant(database), 10)
    taken = Taken(database, concurrency=300)
    await taken.look()
    while taken.fetcher.scout._after:
        await taken.look()

    assert await taken.fetcher._express_turn() > 0  # nothing is under way
    assert len(taken.held) == 0
    taken.fetcher._claiming, taken.fetcher._coming = True, 100
    assert await taken.fetcher._express_turn() == 0
    assert len(taken.held) == 200


async def test_what_others_do_not_need_goes_to_the_rest(database: Database, taken: Taken, ours: Tenant) -> None:
    """An organization that is alone gets all the room."""
    await enqueue_some(database, ours, 100)

    assert len(await taken.turn()) == 20


async def test_weights_are_shares(database: Database, taken: Taken) -> None:
    """Organizations of weight 1, 2 and 4 that all have enough waiting get items as 1 : 2 : 4."""
    owners = [await make_tenant(database) for _ in range(3)]
    for owner, weight in zip(owners, (1, 2, 4), strict=True):
        await enqueue_some(database, owner, 400)
        async with database.unit_of_work(FLEET) as session:
            await session.execute(_WEIGH.bindparams(weight=weight, id=owner.organization_id))

    got = await taken.turns(28)

    assert [got[owner.organization_id] for owner in owners] == pytest.approx([80, 160, 320], abs=4)


async def test_more_organizations_than_room(database: Database) -> None:
    """With room for one item at a time, every one of several organizations gets its share."""
    owners = [await make_tenant(database) for _ in range(4)]
    for owner in owners:
        await enqueue_some(database, owner, 30)

    got = await Taken(database, concurrency=1).turns(40)

    assert {got[owner.organization_id] for owner in owners} == {10}


async def test_organizations_beyond_one_look(database: Database, taken: Taken) -> None:
    """With more organizations than a look sees at once, each gets its share all the same."""
    owners = [await make_tenant(database) for _ in range(ORGANIZATIONS_A_TURN + 1)]
    for owner in owners:
        await enqueue_some(database, owner, 60)
    await taken.look()
    await taken.look()

    got = await taken.turns(ORGANIZATIONS_A_TURN + 1)

    assert set(got.values()) == {20}
    assert len(got) == ORGANIZATIONS_A_TURN + 1


async def test_paused_queues_give_nothing(database: Database, taken: Taken, ours: Tenant) -> None:
    """Nothing is claimed from a paused queue, known or not, until it is resumed, or its time has come."""
    await enqueue_some(database, ours, 30)
    assert len(await taken.turn()) == 20
    taken.finish()
    async with database.unit_of_work(FLEET) as session:
        await session.execute(_PAUSE.bindparams(id=ours.queue_id, resume_at=None))
    assert await taken.claim() == []
    assert await taken.turn() == []

    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queues set resume_at = now() - interval '1 second'"))
    assert len(await taken.turn()) == 10


async def test_deleted_organizations_give_nothing(database: Database, taken: Taken, ours: Tenant) -> None:
    """Nothing is claimed of a soft-deleted organization until it is restored; others have their items meanwhile."""
    other = await make_tenant(database)
    for owner in (ours, other):
        await enqueue_some(database, owner, 3)
    async with database.unit_of_work(FLEET) as session:
        await soft_delete_organization(session, FLEET, organization_id=ours.organization_id)
    assert await taken.turns(3) == {other.organization_id: 3}

    async with database.unit_of_work(FLEET) as session:
        await restore_organization(session, FLEET, organization_id=ours.organization_id)
    assert await taken.turns(1) == {ours.organization_id: 3}


async def test_deleted_organizations_stand_in_nobodys_way(database: Database, taken: Taken) -> None:
    """However many deleted organizations still have items, one walk comes to those behind them."""
    owners = [await make_tenant(database) for _ in range(2 * ORGANIZATIONS_A_TURN + 1)]
    for owner in owners:
        await enqueue_some(database, owner)
    last = max(owner.organization_id for owner in owners)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update organizations set deleted_at = now() where id <> :id").bindparams(id=last))

    assert await taken.turns(3) == {last: 1}


async def test_queues_without_a_handler_are_left_alone(database: Database, taken: Taken) -> None:
    """Only queues that this worker handles are touched, announced or not; another queue's items stay as they are."""
    other = await make_tenant(database, name="elsewhere")
    ids = await enqueue_some(database, other, 3)
    before = await rows_of(database, other, ids)
    taken.fetcher.scout.announce(other.queue_id)

    assert await taken.turn() == []
    assert await rows_of(database, other, ids) == before


async def test_a_renamed_queue_is_let_go(database: Database, taken: Taken, ours: Tenant) -> None:
    """A known queue whose name this worker does not handle any more is not claimed from when its rules were read."""
    await enqueue_some(database, ours, 30)
    await taken.turn()
    taken.finish()
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queues set name = 'elsewhere'"))
    taken.fetcher.known.stale.add(ours.queue_id)

    assert await taken.turn() == []


async def test_an_announced_queue_is_claimed_from_without_a_look(
    database: Database, taken: Taken, ours: Tenant
) -> None:
    """A wake-up names its queue: its rules are read, and the claim follows though the next look is far away."""
    assert await taken.turn() == []
    await enqueue_some(database, ours, 1)
    taken.fetcher.scout.announce(ours.queue_id)
    await taken.fetcher.scout._turn()

    assert len(await taken.claim()) == 1
    await enqueue_some(database, ours, 1)
    taken.fetcher.scout.announce(ours.queue_id)
    assert len(await taken.claim()) == 1  # its rules are known now


async def test_nothing_is_claimed_after_close(database: Database, taken: Taken, ours: Tenant) -> None:
    """After `close` a turn claims nothing, whatever is ready."""
    await enqueue_some(database, ours, 3)
    taken.fetcher.close()

    assert await taken.turn() == []


async def test_a_slow_worker_holds_no_more_than_it_works_on(database: Database, taken: Taken, ours: Tenant) -> None:
    """A worker that has finished nothing yet claims one item a runner, and none while all of them are busy."""
    await enqueue_some(database, ours, 100)
    assert len(await taken.turn()) == 20
    for _ in range(20):
        taken.buffer.take()
        taken.fetcher.begun()
    assert await taken.turn() == []

    for _ in range(3):
        taken.fetcher.ended()
    assert len(await taken.turn()) == 3


async def test_a_quick_worker_claims_ahead(database: Database, taken: Taken, ours: Tenant) -> None:
    """What a worker holds ahead is refilled when half of it was taken, and not before."""
    taken.ahead = 40
    await enqueue_some(database, ours, 200)
    assert len(await taken.turn()) == 60
    for _ in range(20):
        taken.buffer.take()
        taken.fetcher.begun()
    for _ in range(19):
        taken.buffer.take()
    assert await taken.turn() == []

    taken.buffer.take()
    assert len(await taken.turn()) == 20


async def test_a_full_worker_has_room_for_a_quiet_organization(database: Database, taken: Taken, ours: Tenant) -> None:
    """While as much is held as may be, items of an organization of which none waits here are claimed all the same."""
    quiet = await make_tenant(database)
    taken.ahead = 30
    await enqueue_some(database, ours, 100)
    assert len(await taken.turn()) == 50
    await enqueue_some(database, quiet, 100)

    got = await taken.turn()

    assert [held.claimed.organization_id for held in got] == [quiet.organization_id] * RESERVE
    assert await taken.turn() == []


async def test_nothing_to_ask_is_nothing_to_do(database: Database, taken: Taken, ours: Tenant) -> None:
    """A queue that gives less than asked for is not asked again until there is news of it."""
    await enqueue_some(database, ours, 5)
    assert len(await taken.turn()) == 5
    assert taken.fetcher.known.is_idle
    await enqueue_some(database, ours, 5)
    assert await taken.claim() == []

    taken.fetcher.scout.announce(ours.queue_id)
    assert len(await taken.claim()) == 5


async def test_news_during_a_claim_is_not_forgotten(database: Database, taken: Taken, ours: Tenant) -> None:
    """A queue that is announced while a claim finds it empty is asked again."""
    await enqueue_some(database, ours, 1)
    await taken.look()
    asked = taken.fetcher._asked(1e9)
    taken.fetcher.scout.announce(ours.queue_id)
    taken.fetcher.known.settle(asked, [], began=1e9, ended=1e9)

    assert len(await taken.claim()) == 1


async def test_what_comes_late_below_is_found(database: Database, taken: Taken, ours: Tenant) -> None:
    """An item below the mark, released or committed late, is found although nobody tells of it."""
    await enqueue_some(database, ours, 100)
    (early, *_) = await claim_some(database, ours, 1)
    await taken.turn()
    taken.finish()
    await expire(database, early.lease)
    await rescue_all(database)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(
            text("update queue_items_live set seq = :seq where id = :id").bindparams(seq=early.seq, id=early.id)
        )
    claimed = set[str]()
    while got := await taken.claim():
        claimed |= {held.claimed.id for held in got}
        taken.finish()

    assert early.id in claimed


async def test_limited_queues_go_on_when_slots_come_back(database: Database, taken: Taken) -> None:
    """A queue at its limit is asked again, without a look, as soon as one of its items is reported."""
    owner = await make_tenant(database, max_concurrency=3)
    await enqueue_some(database, owner, 10)
    assert len(await taken.turn()) == 3
    assert await taken.claim() == []
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update slots set taken = 0"))
    taken.finish()

    assert len(await taken.claim()) == 3


async def test_a_newer_claim_ends_the_older(database: Database, taken: Taken, ours: Tenant) -> None:
    """When an item comes again while its older claim is still held, the older one is told that its lease is lost."""
    await enqueue_some(database, ours, 1)
    (older,) = await taken.turn()
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queue_items_live set status = 'waiting', lease_expires_at = null"))
    taken.buffer.take_all()
    (newer,) = await taken.turn()

    assert older.item.lease_lost
    assert not newer.item.lease_lost
    assert taken.held.snapshot() == [newer]


async def test_each_queue_has_its_own_lease(database: Database, taken: Taken) -> None:
    """Items are held for as long as their own queue says."""
    for seconds in (1, 60):
        await enqueue_some(database, await make_tenant(database, lease_seconds=seconds), 2)

    assert Counter(held.lease_seconds for held in await taken.turn()) == {1: 2, 60: 2}


async def test_fetching_starts_and_stops(database: Database, taken: Taken, ours: Tenant) -> None:
    """The loops fetch what is enqueued while they wait as soon as they hear of it."""
    for loop in (taken.fetcher.loop, taken.fetcher.scout.loop):
        loop.start()
        await asyncio.wait_for(loop.ready.wait(), 10)
    await enqueue_some(database, ours, 1)
    taken.fetcher.scout.announce(ours.queue_id)

    async def fetched() -> bool:
        return sum(taken.supplied) == 1

    await until(fetched, what="the item is fetched")
    for loop in (taken.fetcher.scout.loop, taken.fetcher.loop):
        await loop.stop()
