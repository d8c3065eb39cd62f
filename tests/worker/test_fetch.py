from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from tests.fixtures.items import FLEET, enqueue_some, rows_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.waiting import until

from fairlead.db.session import Database
from fairlead.domain.retry import Backoff
from fairlead.engine.claim import Source
from fairlead.queries.ready_sources import ReadyQueue, Turn
from fairlead.services.organizations import restore_organization, soft_delete_organization
from fairlead.worker.fetch import MOST_HELD, ORGANIZATIONS_A_TURN, Fetcher, FetchOptions, Pace, joined, shares
from fairlead.worker.held import Held, HeldItems

pytestmark = pytest.mark.anyio

_PAUSE = text("update queues set paused_at = now(), resume_at = :resume_at where id = :id")


class Taken:
    """A fetcher whose turns the test takes, and what it got, turn by turn."""

    def __init__(self, database: Database, *, concurrency: int = 10, queues: tuple[str, ...] = ("work",)) -> None:
        self.held = HeldItems()
        self.items: list[Held] = []
        options = FetchOptions("worker", queues, concurrency, poll_seconds=3.0)
        self.fetcher = Fetcher(database, self.held, options=options, start=self.items.append)

    async def turn(self) -> list[Held]:
        """Take one turn and return what came."""
        before = len(self.items)
        await self.fetcher._turn()
        return self.items[before:]

    def finish(self) -> None:
        """Let everything held be done."""
        for held in self.held.snapshot():
            self.held.drop(held)

    async def turns(self, count: int) -> Counter[str]:
        """Take turns, finishing everything after each; return how many items each organization got."""
        got: Counter[str] = Counter()
        for _ in range(count):
            got.update(held.claimed.organization_id for held in await self.turn())
            self.finish()
        return got


@pytest.fixture
async def taken(database: Database) -> AsyncIterator[Taken]:
    """A fetcher of ten handlers for the queue 'work'."""
    made = Taken(database)
    yield made
    made.fetcher.close()


def _ready(organization: str, queue: str) -> ReadyQueue:
    return ReadyQueue(organization, queue, "work", 30, Backoff())


_QUEUES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 6), max_size=8).map(
    lambda counts: [_ready(name, f"{name}{number}") for name in sorted(counts) for number in range(counts[name])]
)


def _by_organization(sources: list[Source]) -> dict[str, int]:
    got: Counter[str] = Counter()
    for source in sources:
        got[source.organization_id] += source.take
    return dict(got)


@given(_QUEUES, st.integers(0, 200), st.integers(0, 1_000_000))
def test_shares_are_equal(queues: list[ReadyQueue], room: int, shift: int) -> None:
    """All the room is shared out; organizations, and the queues of each, differ by one item at most; no empty share."""
    sources = shares(queues, room, shift=shift)
    organizations = {queue.organization_id for queue in queues}
    got = _by_organization(sources)

    assert sum(got.values()) == (room if queues else 0)
    assert all(source.take > 0 for source in sources)
    assert len({source.queue_id for source in sources}) == len(sources)
    if organizations:
        totals = [got.get(organization, 0) for organization in organizations]
        assert max(totals) - min(totals) <= 1
    for organization, own in groupby(queues, key=lambda queue: queue.organization_id):
        takes = {source.queue_id: source.take for source in sources if source.organization_id == organization}
        each = [takes.get(queue.queue_id, 0) for queue in own]
        assert max(each) - min(each) <= 1


@given(_QUEUES.filter(bool), st.integers(1, 10))
def test_no_queue_is_left_out_for_ever(queues: list[ReadyQueue], room: int) -> None:
    """Over all shifts every queue has its turn, and every organization gets the same, however little room there is."""
    organizations = {queue.organization_id for queue in queues}
    rounds = len(organizations) * 60  # 60 is a multiple of every number of queues
    got: Counter[str] = Counter()
    seen: set[str] = set()
    for shift in range(rounds):
        sources = shares(queues, room, shift=shift)
        got.update(_by_organization(sources))
        seen.update(source.queue_id for source in sources)

    assert seen == {queue.queue_id for queue in queues}
    assert len(set(got.values())) == 1
    assert set(got) == organizations


def test_the_last_step_of_a_walk_is_filled_up() -> None:
    """The end of the walk is joined by the organizations it starts with, none twice, and goes on behind the last."""
    names = [f"{number:02}" for number in range(ORGANIZATIONS_A_TURN + 5)]
    end = Turn(tuple(_ready(name, name) for name in names[-2:]), "")
    start = Turn(tuple(_ready(name, name) for name in names[:ORGANIZATIONS_A_TURN]), names[ORGANIZATIONS_A_TURN - 1])

    turn = joined(end, start, after=names[-3])

    assert [queue.organization_id for queue in turn.queues] == names[-2:] + names[: ORGANIZATIONS_A_TURN - 2]
    assert turn.next_after == names[ORGANIZATIONS_A_TURN - 3]


def test_a_walk_of_one_step_is_joined_by_nothing() -> None:
    """When the start of the walk shows only what the end has, nothing comes twice and the walk begins anew."""
    end = Turn((_ready("b", "b"),), "")

    assert joined(end, Turn((_ready("b", "b"),), ""), after="a") == Turn(end.queues, "")


def test_the_pace_bounds_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker may hold twice its concurrency, or about a second's work when it is faster, and never over the limit."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    pace = Pace(10)
    assert pace.most_held() == 20
    held = []
    for _ in range(20):
        now += 1
        pace.finished(500)
        held.append(pace.most_held())

    assert held == sorted(held)
    assert held[-1] == pytest.approx(500, abs=2)
    for _ in range(20):
        now += 1
        pace.finished(10**6)
    assert pace.most_held() == MOST_HELD
    for _ in range(40):
        now += 1
        pace.finished(0)
    assert pace.most_held() == 20


async def test_small_organizations_are_served_at_once(database: Database, taken: Taken) -> None:
    """While one organization has 2 000 items waiting, two others get their five each within the first two claims."""
    large, *small = [await make_tenant(database) for _ in range(3)]
    await enqueue_some(database, large, 2000)
    for owner in small:
        await enqueue_some(database, owner, 5)

    got = await taken.turns(2)

    assert [got[owner.organization_id] for owner in small] == [5, 5]
    assert got[large.organization_id] > 0


async def test_what_others_do_not_need_goes_to_the_rest(database: Database, taken: Taken, ours: Tenant) -> None:
    """An organization that is alone gets all the room."""
    await enqueue_some(database, ours, 100)

    assert len(await taken.turn()) == 20


async def test_more_organizations_than_room(database: Database) -> None:
    """With room for one or two items at a time, every one of several organizations gets about its share."""
    owners = [await make_tenant(database) for _ in range(4)]
    for owner in owners:
        await enqueue_some(database, owner, 200)

    got = await Taken(database, concurrency=1).turns(60)

    assert sum(got.values()) == 120
    assert min(got[owner.organization_id] for owner in owners) >= 10


async def test_the_last_of_many_organizations_gets_no_more(database: Database, taken: Taken) -> None:
    """With one organization more than a turn looks at, each gets its share, the last one too."""
    owners = [await make_tenant(database) for _ in range(ORGANIZATIONS_A_TURN + 1)]
    for owner in owners:
        await enqueue_some(database, owner, 60)

    got = await taken.turns(ORGANIZATIONS_A_TURN + 1)

    assert sum(got.values()) == 20 * (ORGANIZATIONS_A_TURN + 1)
    assert set(got.values()) == {20}


async def test_paused_queues_give_nothing(database: Database, taken: Taken, ours: Tenant) -> None:
    """Nothing is claimed from a paused queue until it is resumed, or its time has come."""
    await enqueue_some(database, ours, 3)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(_PAUSE.bindparams(id=ours.queue_id, resume_at=None))
    assert await taken.turn() == []

    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queues set resume_at = now() - interval '1 second'"))
    assert len(await taken.turn()) == 3


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
    """Only queues that this worker handles are touched; another queue's items stay as they are."""
    other = await make_tenant(database, name="elsewhere")
    ids = await enqueue_some(database, other, 3)
    before = await rows_of(database, other, ids)

    assert await taken.turn() == []
    assert await rows_of(database, other, ids) == before


async def test_nothing_is_claimed_after_close(database: Database, taken: Taken, ours: Tenant) -> None:
    """After `close` a turn claims nothing, whatever is ready."""
    await enqueue_some(database, ours, 3)
    taken.fetcher.close()

    assert await taken.turn() == []


async def test_never_more_than_may_be_held(database: Database, taken: Taken, ours: Tenant) -> None:
    """A full worker claims nothing until half of what it holds is done, and then only fills up."""
    await enqueue_some(database, ours, 100)
    await taken.turn()
    assert await taken.turn() == []

    for held in taken.held.snapshot()[:9]:
        taken.held.drop(held)
    assert await taken.turn() == []

    taken.held.drop(taken.held.snapshot()[0])
    assert len(await taken.turn()) == 10
    assert len(taken.held) == 20


async def test_an_idle_worker_waits(database: Database, taken: Taken, ours: Tenant) -> None:
    """A turn that found something looks on at once; one that came round without anything waits, jittered."""
    await enqueue_some(database, ours, 30)
    waits = []
    for _ in range(4):
        waits.append(await taken.fetcher._turn())
        taken.finish()

    assert waits[:2] == [0, 0]
    assert all(1.5 <= wait <= 3.0 for wait in waits[2:])


async def test_an_idle_worker_waits_among_many(database: Database, taken: Taken) -> None:
    """Many organizations with nothing for this worker are walked once a poll, not without end."""
    for _ in range(2 * ORGANIZATIONS_A_TURN + 1):
        await enqueue_some(database, await make_tenant(database, name="elsewhere"), 1)
    waits = [await taken.fetcher._turn() for _ in range(9)]

    assert [wait > 0 for wait in waits].count(True) >= 2
    assert taken.items == []


async def test_each_queue_has_its_own_lease(database: Database, taken: Taken) -> None:
    """Items are held for as long as their own queue says."""
    for seconds in (1, 60):
        await enqueue_some(database, await make_tenant(database, lease_seconds=seconds), 2)

    assert Counter(held.lease_seconds for held in await taken.turn()) == {1: 2, 60: 2}


async def test_a_newer_claim_ends_the_older(database: Database, taken: Taken, ours: Tenant) -> None:
    """When an item comes again while its older claim is still held, the older one is told that its lease is lost."""
    await enqueue_some(database, ours, 1)
    (older,) = await taken.turn()
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update queue_items_live set status = 'waiting', lease_expires_at = null"))
    (newer,) = await taken.turn()

    assert older.item.lease_lost
    assert not newer.item.lease_lost
    assert taken.held.snapshot() == [newer]


async def test_fetching_starts_and_stops(database: Database, taken: Taken, ours: Tenant) -> None:
    """The loop fetches what is enqueued while it waits as soon as it is woken."""
    taken.fetcher.loop.start()
    await taken.fetcher.loop.ready.wait()
    await enqueue_some(database, ours, 1)
    taken.fetcher.loop.wake()

    async def fetched() -> bool:
        return len(taken.items) == 1

    await until(fetched, what="the item is fetched", seconds=2)
    await taken.fetcher.loop.stop()
