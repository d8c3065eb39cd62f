from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from anyio.lowlevel import checkpoint
from sqlalchemy import text
from tests.fixtures.faults import end_connections, refuse_connections, until_back
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.statements import opened, value_of
from tests.fixtures.waiting import until_blocked
from tests.fixtures.wire import wired

from fairlead.db.session import Database
from fairlead.domain import limits
from fairlead.domain.ids import new_id
from fairlead.errors import Conflict, DatabaseUnavailable, NotFound, QueueFull, ValidationFailed
from fairlead.services.enqueuer import Enqueuer, EnqueuerClosed
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items

pytestmark = pytest.mark.anyio

IDS = text("select id from queue_items_live where queue_id = :queue order by seq")
INSERTS = "select count(distinct xmin::text) from queue_items_live"
HOLD = "select id from queues where id = :queue for update"  # nothing enters while somebody has it
ROW = text("""
select to_jsonb(i) - array['id', 'seq', 'created_at', 'updated_at', 'scheduled_for'] as row, scheduled_for
from queue_items_live i where id = :id
""")


@pytest.fixture
async def enqueuer(database: Database) -> AsyncIterator[Enqueuer]:
    """An enqueuer that tells nobody."""
    async with Enqueuer(database) as opened_one:
        yield opened_one


async def _ids(database: Database, owner: Tenant) -> list[str]:
    async with database.unit_of_work(FLEET) as session:
        return list((await session.execute(IDS.bindparams(queue=owner.queue_id))).scalars())


async def _one_by_one(enqueuer: Enqueuer, owner: Tenant, items: list[ItemInput]) -> list[asyncio.Task[str]]:
    """Let one caller an item enqueue it, and return once all of them wait."""
    tasks = [asyncio.create_task(enqueuer.enqueue(owner.scope, queue_id=owner.queue_id, item=item)) for item in items]
    await checkpoint()
    return tasks


async def _together(enqueuer: Enqueuer, owner: Tenant, items: list[ItemInput]) -> list[Any]:
    return await asyncio.gather(*await _one_by_one(enqueuer, owner, items), return_exceptions=True)


def _numbered(count: int) -> list[ItemInput]:
    return [ItemInput({"n": number}) for number in range(count)]


async def test_callers_share_an_insert(database: Database, enqueuer: Enqueuer, ours: Tenant) -> None:
    """A hundred callers at once get an id each, their items are there in their order, and one insert put them in."""
    ids = await _together(enqueuer, ours, _numbered(100))
    assert await _ids(database, ours) == ids
    async with database.unit_of_work(FLEET) as session:
        assert await value_of(session, INSERTS) == 1


async def test_what_comes_meanwhile_shares_the_next(database: Database, enqueuer: Enqueuer, ours: Tenant) -> None:
    """While an insert is under way the items that come wait, and the next one takes all of them."""
    async with database.unit_of_work(FLEET) as holder:
        await value_of(holder, HOLD, queue=ours.queue_id)
        first = await _one_by_one(enqueuer, ours, _numbered(1))
        await until_blocked(database)
        rest = await _one_by_one(enqueuer, ours, _numbered(20))
    ids = await asyncio.gather(*first, *rest)
    assert await _ids(database, ours) == ids
    async with database.unit_of_work(FLEET) as session:
        assert await value_of(session, INSERTS) == 2


async def test_a_batch_has_an_end(database: Database, enqueuer: Enqueuer, ours: Tenant) -> None:
    """An insert takes no more items than a batch may have, and no more payload than it should."""
    ids = await _together(enqueuer, ours, _numbered(2 * limits.BATCH_ITEMS + 1))
    assert await _ids(database, ours) == ids
    large = ItemInput({"text": "x" * (limits.PAYLOAD_BYTES - 20)})
    await _together(enqueuer, ours, [large] * 40)
    async with database.unit_of_work(FLEET) as session:
        assert await value_of(session, INSERTS) == 3 + 3


async def test_an_item_is_the_same_whichever_way_it_came(database: Database, enqueuer: Enqueuer, ours: Tenant) -> None:
    """Whatever an item may be given is stored as `enqueue_items` stores it."""
    many: dict[str, Any] = {"task": "mail", "priority": 7, "max_attempts": 3, "tags": ["a", "b"], "ordering_key": "k"}
    due = datetime(2100, 1, 1, tzinfo=UTC)
    for item in (
        ItemInput({"n": 1}, **many, scheduled_for=due),
        ItemInput({"n": 2}, delay_seconds=1e6),
        ItemInput({"n": 3}, unique_key="u", unique_while="waiting", on_conflict="return"),
    ):
        one = await enqueuer.enqueue(ours.scope, queue_id=ours.queue_id, item=item)
        async with database.unit_of_work(ours.scope) as session:
            if item.unique_key is not None:
                item = item._replace(unique_key="v")  # noqa: PLW2901 - the first one has the other
            [other] = await enqueue_items(session, ours.scope, queue_id=ours.queue_id, items=[item])
        async with database.unit_of_work(FLEET) as session:
            rows = [(await session.execute(ROW.bindparams(id=item_id))).one() for item_id in (one, other)]
        assert {**rows[0].row, "unique_key": ""} == {**rows[1].row, "unique_key": ""}
        assert (rows[0].scheduled_for is None) is (rows[1].scheduled_for is None)


async def test_a_wrong_item_harms_no_other(database: Database, enqueuer: Enqueuer, ours: Tenant) -> None:
    """A caller whose item is not acceptable is told which field, the others' items are in."""
    answers = await _together(enqueuer, ours, [ItemInput({"n": 1}), ItemInput({"\0": 1}), ItemInput({"n": 2})])
    assert isinstance(answers[1], ValidationFailed)
    assert answers[1].details.keys() == {"items[0].payload"}
    assert await _ids(database, ours) == [answers[0], answers[2]]


async def test_a_unique_key_that_is_held_harms_no_other(database: Database, enqueuer: Enqueuer, ours: Tenant) -> None:
    """Of callers with one unique key one gets its item in, each gets what its policy says, others do not notice."""
    held = ItemInput({}, unique_key="k")
    items = [*_numbered(5), held, held, held._replace(on_conflict="return"), *_numbered(5)]
    answers = await _together(enqueuer, ours, items)
    assert isinstance(answers[6], Conflict)
    assert answers[7] == answers[5]
    assert await _ids(database, ours) == [*answers[:6], *answers[8:]]


async def test_keys_that_are_held_cost_no_second_insert(database: Database, enqueuer: Enqueuer, ours: Tenant) -> None:
    """However many of those who come together are refused, one transaction puts the others in."""
    items = [ItemInput({"n": number}, unique_key=str(number // 2)) for number in range(40)]
    answers = await _together(enqueuer, ours, items)
    assert [isinstance(answer, Conflict) for answer in answers] == [False, True] * 20
    async with database.unit_of_work(FLEET) as session:
        assert await value_of(session, INSERTS) == 1


async def test_a_full_queue_takes_what_it_can(database: Database) -> None:
    """Where there is room for some of those who come together, so many get in and the others are told."""
    narrow = await make_tenant(database, max_depth=7)
    async with Enqueuer(database) as enqueuer:
        answers = await _together(enqueuer, narrow, _numbered(20))
    taken = [answer for answer in answers if isinstance(answer, str)]
    assert [type(answer) for answer in answers if not isinstance(answer, str)] == [QueueFull] * 13
    assert await _ids(database, narrow) == taken
    assert len(taken) == 7


async def test_a_queue_that_is_not_there(enqueuer: Enqueuer, ours: Tenant, theirs: Tenant) -> None:
    """An unknown queue, another organization's and what is no id are not found, each caller with an own error."""
    for queue_id in (new_id(), theirs.queue_id, "no id"):
        tasks = [enqueuer.enqueue(ours.scope, queue_id=queue_id, item=ItemInput({})) for _ in range(3)]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers] == [NotFound] * 3
        assert len({id(answer) for answer in answers}) == 3


async def test_a_cancelled_caller_harms_no_other(database: Database, enqueuer: Enqueuer, ours: Tenant) -> None:
    """Who is cancelled while its item waits has enqueued nothing; who is later, may have; others do not notice."""
    async with database.unit_of_work(FLEET) as holder:
        await value_of(holder, HOLD, queue=ours.queue_id)
        under_way = await _one_by_one(enqueuer, ours, _numbered(3))
        await until_blocked(database)
        waiting = await _one_by_one(enqueuer, ours, _numbered(3))
        under_way[1].cancel()
        waiting[1].cancel()
        await checkpoint()
    answers = await asyncio.gather(*under_way, *waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [str, asyncio.CancelledError, str] * 2
    there = await _ids(database, ours)
    assert [item_id for item_id in there if item_id in answers] == [answers[place] for place in (0, 2, 3, 5)]
    assert len(there) == 5


async def test_a_lost_answer_reaches_every_caller(database: Database, ours: Tenant, database_url: str) -> None:
    """When the connection breaks, every caller of that insert is told that nobody knows; the next insert works."""
    async with (
        wired(database_url) as wire,
        opened(database, url=wire.url, pool_size=2) as far,
        Enqueuer(far) as enqueuer,
    ):
        await _together(enqueuer, ours, _numbered(1))
        wire.cut = "answers"
        answers = await _together(enqueuer, ours, _numbered(10))
        wire.cut = ""
        later = await _together(enqueuer, ours, _numbered(10))
    assert {type(answer) for answer in answers} == {DatabaseUnavailable}
    assert all("nobody knows" in str(answer) for answer in answers)
    assert (await _ids(database, ours))[-10:] == later


async def test_a_database_that_is_away(database: Database, ours: Tenant, server_url: str, database_url: str) -> None:
    """While the database is away every caller is told so, and once it is back it is as if nothing had been."""
    announced: list[str] = []
    async with opened(database) as other, Enqueuer(other, on_enqueued=announced.append) as enqueuer:
        refuse_connections(server_url, database_url, refuse=True)
        try:
            end_connections(server_url, database_url)
            answers = await _together(enqueuer, ours, _numbered(5))
        finally:
            refuse_connections(server_url, database_url, refuse=False)
        assert {type(answer) for answer in answers} == {DatabaseUnavailable}
        assert announced == []
        await until_back(database)
        assert await _together(enqueuer, ours, _numbered(5)) == await _ids(database, ours)


async def test_wake_ups_come_once_an_insert(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A queue is announced once for all items of an insert, when they are committed."""
    announced: list[str] = []
    async with Enqueuer(database, on_enqueued=announced.append) as enqueuer:
        await asyncio.gather(_together(enqueuer, ours, _numbered(50)), _together(enqueuer, theirs, _numbered(50)))
    assert sorted(announced) == sorted([ours.queue_id, theirs.queue_id])


async def test_queues_do_not_wait_for_each_other(
    database: Database, enqueuer: Enqueuer, ours: Tenant, theirs: Tenant
) -> None:
    """While the insert of one queue is held up, another queue's items get in."""
    async with database.unit_of_work(FLEET) as holder:
        await value_of(holder, HOLD, queue=ours.queue_id)
        held_up = await _one_by_one(enqueuer, ours, _numbered(3))
        await until_blocked(database)
        assert await _together(enqueuer, theirs, _numbered(3)) == await _ids(database, theirs)
    assert await asyncio.gather(*held_up) == await _ids(database, ours)


async def test_many_queues_on_few_connections(database: Database) -> None:
    """More queues than connections: all of them get their items in, and the pool has connections left for others."""
    async with opened(database, pool_size=2) as narrow:
        owners = [await make_tenant(database) for _ in range(20)]
        async with Enqueuer(narrow) as enqueuer:
            answers = await asyncio.gather(*(_together(enqueuer, owner, _numbered(3)) for owner in owners))
    for owner, ids in zip(owners, answers, strict=True):
        assert await _ids(database, owner) == ids


async def test_closing_waits_for_what_was_taken(database: Database, ours: Tenant) -> None:
    """What was taken before the close is in when it is over; afterwards nothing more is taken."""
    enqueuer = Enqueuer(database)
    tasks = await _one_by_one(enqueuer, ours, _numbered(30))
    await enqueuer.close()
    assert [task.result() for task in tasks] == await _ids(database, ours)
    with pytest.raises(EnqueuerClosed):
        await enqueuer.enqueue(ours.scope, queue_id=ours.queue_id, item=ItemInput({}))
    await enqueuer.close()
