from __future__ import annotations

import random
from collections import defaultdict

import anyio
import pytest
from tests.fixtures.accounts import differences
from tests.fixtures.items import FLEET, claim_some, enqueue_some
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.advance import advance
from fairlead.engine.cancel import cancel
from fairlead.engine.claim import ClaimedItem
from fairlead.engine.complete import Completion, complete
from fairlead.engine.delete import delete
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.enqueue import NewItem, enqueue
from fairlead.engine.fail import Failure, fail
from fairlead.engine.promote import promote
from fairlead.engine.snooze import Snooze, snooze
from fairlead.errors import Conflict

pytestmark = pytest.mark.anyio

WORKERS, KEYS, EACH = 8, 5, 12
_IN_FLIGHT = """
select ordering_key, count(*) filter (where status = 'processing'), count(*) filter (where not blocked)
from queue_items_live where ordering_key is not null group by ordering_key
"""


async def _advance(database: Database) -> int:
    """Advance in a transaction of its own; of two at once at the same key one begins again."""
    try:
        async with database.unit_of_work(FLEET) as session:
            return (await advance(session, FLEET, most=100))[0]
    except Conflict:
        return 1


class Line:
    """Workers on keyed items: what each key's items were, and the order in which they ended."""

    def __init__(self, database: Database, owner: Tenant, expected: dict[str, list[str]]) -> None:
        self.database, self.owner, self.expected = database, owner, expected
        self.ended: dict[str, list[str]] = defaultdict(list)
        self.in_flight: set[str] = set()

    @property
    def is_done(self) -> bool:
        """Whether every item has ended."""
        return sum(map(len, self.ended.values())) == sum(map(len, self.expected.values()))

    async def works(self, number: int) -> None:
        """Claim and report until all have ended."""
        chance = random.Random(number)  # noqa: S311 - a test that can be repeated
        while not self.is_done:
            await _advance(self.database)
            for item in await claim_some(self.database, self.owner, 3, worker_id=f"worker-{number}"):
                key = str(item.ordering_key)
                assert key not in self.in_flight
                self.in_flight.add(key)
                await self._report(item, chance)
            async with self.database.unit_of_work(FLEET) as session:
                await promote(session, FLEET, most=100)

    async def _report(self, item: ClaimedItem, chance: random.Random) -> None:
        """Let the item end, or come back: for its next attempt or because it was put off."""
        kind, key = chance.randrange(6), str(item.ordering_key)
        # Noted before: as soon as it is committed another worker may have the next one.
        self.in_flight.discard(key)
        if kind > 2:
            self.ended[key].append(item.id)
        async with self.database.unit_of_work(FLEET) as session:
            if kind == 0:
                failed = await fail(session, FLEET, failures=[Failure(item, "no", delay_seconds=0.01)])
                assert failed == {item.id: ItemStatus.WAITING}
            elif kind == 1:
                await snooze(session, FLEET, snoozes=[Snooze(item, 0.01)])
            elif kind == 2:
                await fail(session, FLEET, failures=[Failure(item, "no")])
            elif kind == 3:
                await fail(session, FLEET, failures=[Failure(item, "no", give_up=True)])
            elif kind == 4:
                await cancel(session, self.owner.scope, item_ids=[item.id])
                await end_cancelled(session, FLEET, leases=[item])
            else:
                await complete(session, FLEET, completions=[Completion(item)])

    async def looks_on(self) -> None:
        """See in one snapshot after another that at most one item of each key is not blocked."""
        while not self.is_done:
            for key, at_work, forward in await tell(self.database, _IN_FLIGHT):
                assert (at_work <= 1, forward <= 1) == (True, True), key


async def test_each_key_is_worked_strictly_in_order(database: Database, ours: Tenant) -> None:
    """Eight workers, failures, snoozes and cancellations: of a key one at a time, in the order enqueued, to the end."""
    expected: dict[str, list[str]] = defaultdict(list)
    for _ in range(EACH):
        for number in range(KEYS):
            key = f"key {number}"
            expected[key] += await enqueue_some(database, ours, ordering_key=key, max_attempts=1000)
    line = Line(database, ours, expected)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(line.looks_on)
            for number in range(WORKERS):
                tasks.start_soon(line.works, number)
    assert line.ended == expected
    assert await tell(database, "select 1 from queue_items_live") == []
    while await _advance(database):
        pass
    assert await differences(database) == []


async def test_a_key_is_in_the_order_of_commits(database: Database, ours: Tenant) -> None:
    """An item that is committed later comes later, though it was enqueued first."""
    async with database.unit_of_work(ours.scope) as session:
        early = NewItem(new_id(), {}, ordering_key="k")
        await enqueue(session, ours.scope, queue_id=ours.queue_id, items=[early])
        (late,) = await enqueue_some(database, ours, ordering_key="k")
        assert await _advance(database) == 1
        [head] = await claim_some(database, ours)
    assert head.id == late
    await _advance(database)
    assert await claim_some(database, ours) == []
    async with database.unit_of_work(FLEET) as session:
        await complete(session, FLEET, completions=[Completion(head)])
    await _advance(database)
    assert [item.id for item in await claim_some(database, ours)] == [early.id]


async def test_two_advances_share_the_notes(database: Database, ours: Tenant) -> None:
    """What one advance is reading another passes over, and waits for nobody."""
    for key in "ab":
        await enqueue_some(database, ours, 2, ordering_key=key)
    async with database.unit_of_work(FLEET) as session:
        assert (await advance(session, FLEET, most=1))[0] == 1
        assert await _advance(database) == 1
        assert await _advance(database) == 0
    assert len(await claim_some(database, ours)) == 2


async def test_two_notes_of_one_key_let_one_forward(database: Database, ours: Tenant) -> None:
    """Two advances with a note each of the same key let one item come forward, not two."""
    ids = [(await enqueue_some(database, ours, ordering_key="k"))[0] for _ in range(2)]
    async with database.unit_of_work(FLEET) as session:
        assert (await advance(session, FLEET, most=1))[0] == 1
        assert await _advance(database) == 0
    assert await _advance(database) == 1
    assert [item.id for item in await claim_some(database, ours)] == ids[:1]


@pytest.mark.parametrize("verb", [cancel, delete], ids=["cancel", "delete"])
async def test_a_head_that_goes_while_it_comes_forward(database: Database, ours: Tenant, verb: object) -> None:
    """Whoever ends the head at the moment at which it comes forward leaves the key free for the next."""
    first, second = await enqueue_some(database, ours, 2, ordering_key="k")

    async def ends() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await (cancel if verb is cancel else delete)(session, ours.scope, item_ids=[first])

    async with anyio.create_task_group() as tasks, database.unit_of_work(FLEET) as session:
        assert (await advance(session, FLEET, most=9))[1] == {ours.queue_id}
        tasks.start_soon(ends)
        await until_blocked(database)
    while await _advance(database):
        pass
    assert [item.id for item in await claim_some(database, ours)] == [second]


@pytest.mark.parametrize("verb", [cancel, delete], ids=["cancel", "delete"])
async def test_a_head_that_goes_first_lets_the_next_forward(database: Database, ours: Tenant, verb: object) -> None:
    """An advance that meets the head while it is being ended lets nobody forward, and the next one does."""
    first, second = await enqueue_some(database, ours, 2, ordering_key="k")
    async with database.unit_of_work(ours.scope) as session:
        await (cancel if verb is cancel else delete)(session, ours.scope, item_ids=[first])
        assert await _advance(database) == 0
        assert await claim_some(database, ours) == []
    assert await _advance(database) == 2
    assert [item.id for item in await claim_some(database, ours)] == [second]


async def test_items_that_are_enqueued_all_the_while_never_get_stuck(database: Database, ours: Tenant) -> None:
    """While some enqueue and some work, two advancing beside them, everything is worked off in the end."""
    left, done = 4, list[str]()
    made = list[str]()

    async def produces(number: int) -> None:
        nonlocal left
        for _ in range(12):
            made.extend(await enqueue_some(database, ours, ordering_key=f"key {number % 2}"))
        left -= 1

    async def works() -> None:
        while left or len(done) < len(made):
            await _advance(database)
            items = await claim_some(database, ours)
            async with database.unit_of_work(FLEET) as session:
                done.extend(await complete(session, FLEET, completions=[Completion(item) for item in items]))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(produces, number)
            for _ in range(3):
                tasks.start_soon(works)
    assert sorted(done) == sorted(made)
    assert await differences(database) == []
