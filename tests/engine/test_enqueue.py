from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text, update
from tests.fixtures.items import FLEET, LIVE, claim_some, enqueue_some, row_of, sources_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.db.tenancy import tenant
from fairlead.domain.ids import new_id, new_ids
from fairlead.domain.limits import BATCH_ITEMS, PRIORITY
from fairlead.engine.enqueue import NewItem, enqueue
from fairlead.errors import Conflict, FairleadError, ValidationFailed
from fairlead.schema import Queue

pytestmark = pytest.mark.anyio


async def _store(database: Database, owner: Tenant, *items: NewItem) -> bool:
    async with database.unit_of_work(owner.scope) as session:
        return bool(await enqueue(session, owner.scope, queue_id=owner.queue_id, items=items))


async def _count(database: Database) -> int:
    async with database.unit_of_work(FLEET) as session:
        return int((await session.execute(text("select count(*) from queue_items"))).scalar_one())


def test_enqueue_makes_items_and_moves_none() -> None:
    """In the life cycle enqueue has no source: it only makes items."""
    assert sources_of("enqueue") == frozenset()


async def test_a_plain_item_waits_with_the_defaults(database: Database, ours: Tenant) -> None:
    """An item without further wishes is ready at once, with the queue's attempts and the table's defaults."""
    item_id = new_id()
    await _store(database, ours, NewItem(id=item_id, payload={"a": [1, None, "é"]}))
    row = await row_of(database, ours, item_id)

    assert (row["leaf"], row["status"], row["ready"], row["finished_at"]) == (LIVE, "waiting", True, "infinity")
    assert (row["payload"], row["queue_id"]) == ({"a": [1, None, "é"]}, ours.queue_id)
    assert (row["priority"], row["attempts"], row["max_attempts"], row["claims"]) == (0, 0, 3, 0)
    assert [row[name] for name in ("task", "trace", "scheduled_for", "lease_expires_at", "result")] == [None] * 5
    assert (row["tags"], row["errors"]) == ([], [])


async def test_every_wish_is_kept(database: Database, ours: Tenant) -> None:
    """Priority, attempts, task, tags and trace are stored as given."""
    item_id = new_id()
    await _store(
        database,
        ours,
        NewItem(id=item_id, payload={}, priority=-7, max_attempts=9, task="mail", tags=("b", "a"), trace="00-1-2-01"),
    )
    row = await row_of(database, ours, item_id)

    wishes = {"priority": -7, "max_attempts": 9, "task": "mail", "tags": ["b", "a"], "trace": "00-1-2-01"}
    assert {name: row[name] for name in wishes} == wishes


async def test_the_queue_decides_the_attempts(database: Database) -> None:
    """Without a number of its own an item gets as many attempts as its queue gives."""
    owner = await make_tenant(database, max_attempts=17)
    (item_id,) = await enqueue_some(database, owner)
    assert (await row_of(database, owner, item_id))["max_attempts"] == 17


@pytest.mark.parametrize(
    ("wish", "ready"),
    [
        ({"scheduled_for": datetime(2000, 1, 1, tzinfo=UTC)}, True),
        ({"scheduled_for": datetime(2500, 1, 1, tzinfo=UTC)}, False),
        ({"scheduled_for": datetime(2500, 1, 1, tzinfo=UTC), "delay_seconds": 0.0}, False),
        ({"delay_seconds": 0.0}, True),
        ({"delay_seconds": 3600.5}, False),
    ],
    ids=["past", "future", "a-time-beats-a-delay", "no-delay", "delay"],
)
async def test_only_what_is_due_is_ready(
    database: Database, ours: Tenant, wish: dict[str, Any], *, ready: bool
) -> None:
    """An item whose time has come is ready at once; one for later is kept out of the claim's index."""
    (item_id,) = await enqueue_some(database, ours, **wish)
    row = await row_of(database, ours, item_id)
    assert (row["ready"], row["scheduled_for"] is None) == (ready, False)
    assert [item.id for item in await claim_some(database, ours)] == ([item_id] if ready else [])


async def test_a_delay_counts_from_the_database_clock(database: Database, ours: Tenant) -> None:
    """A delay is added to the time of the statement, fractions of a second included."""
    (item_id,) = await enqueue_some(database, ours, delay_seconds=90.25)
    row = await row_of(database, ours, item_id)
    made, due = (datetime.fromisoformat(row[name]) for name in ("created_at", "scheduled_for"))
    assert timedelta(seconds=90.25) <= due - made < timedelta(seconds=95)


async def test_a_batch_keeps_its_order(database: Database, ours: Tenant) -> None:
    """The items of one call, a full batch of them, are claimed in the order they were given."""
    ids = await enqueue_some(database, ours, BATCH_ITEMS)
    assert [item.id for item in await claim_some(database, ours)] == ids


async def test_later_calls_come_after_earlier_ones(database: Database, ours: Tenant) -> None:
    """Items of a later call stand behind those of an earlier one."""
    ids = [*await enqueue_some(database, ours, 3), *await enqueue_some(database, ours, 3)]
    assert [item.id for item in await claim_some(database, ours)] == ids


async def test_nothing_to_enqueue_is_no_error(database: Database, ours: Tenant) -> None:
    """An empty batch does nothing, even for a queue that does not exist."""
    async with database.unit_of_work(ours.scope) as session:
        await enqueue(session, ours.scope, queue_id=new_id(), items=[])
    assert await _count(database) == 0


TWIN = new_id()
BAD_ITEMS = {
    "priority beyond its limit": (NewItem(id=new_id(), payload={}, priority=PRIORITY + 1), Exception),
    "no attempt": (NewItem(id=new_id(), payload={}, max_attempts=-1), Exception),
    "not an object": (NewItem(id=new_id(), payload=[1]), Exception),  # type: ignore[arg-type]  # what a caller might do
    "a NUL character": (NewItem(id=new_id(), payload={"a": "\0"}), ValidationFailed),
    "an id that is taken": (NewItem(id=TWIN, payload={}), Conflict),
}


@pytest.mark.parametrize("name", BAD_ITEMS)
async def test_one_bad_item_keeps_the_whole_batch_out(database: Database, ours: Tenant, name: str) -> None:
    """A batch is stored whole or not at all: one item the database refuses, and none is there."""
    bad, error = BAD_ITEMS[name]
    good = [NewItem(id=item_id, payload={}) for item_id in (TWIN, *new_ids(8))]
    with pytest.raises(error):
        await _store(database, ours, *good[:5], bad, *good[5:])
    assert await _count(database) == 0


async def test_an_exception_after_the_call_takes_the_items_back(database: Database, ours: Tenant) -> None:
    """Items belong to the caller's transaction: when it fails afterwards, none is there."""

    async def fails_afterwards() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await enqueue(session, ours.scope, queue_id=ours.queue_id, items=[NewItem(id=new_id(), payload={})])
            raise FairleadError

    with pytest.raises(FairleadError):
        await fails_afterwards()
    assert await _count(database) == 0


async def test_an_unknown_queue_takes_nothing(database: Database, ours: Tenant) -> None:
    """For a queue that does not exist the answer is no."""
    assert not await _store(database, Tenant(ours.organization_id, new_id()), NewItem(id=new_id(), payload={}))
    assert await _count(database) == 0


async def test_an_unknown_organization_takes_nothing(database: Database, ours: Tenant) -> None:
    """For an organization that does not exist the answer is no, even with another one's queue."""
    nobody = Tenant(tenant(new_id()).organization_id, ours.queue_id)
    assert not await _store(database, nobody, NewItem(id=new_id(), payload={}))
    assert await _count(database) == 0


async def test_a_deleted_queue_takes_nothing(database: Database, ours: Tenant) -> None:
    """A queue that was deleted answers like one that never was."""
    async with database.unit_of_work(ours.scope) as session:
        await session.execute(update(Queue).values(deleted_at=text("now()")))
    assert not await _store(database, ours, NewItem(id=new_id(), payload={}))
    assert await _count(database) == 0


async def test_a_limited_depth_is_for_somebody_else(database: Database, ours: Tenant) -> None:
    """Where the queue's or the organization's depth is limited, this one statement takes nothing and says so."""
    for table, column in (("queues", "max_depth"), ("organizations", "max_queue_depth")):
        await tell(database, f"update {table} set {column} = 1000")  # noqa: S608 - our own names
        assert not await _store(database, ours, NewItem(id=new_id(), payload={}))
        await tell(database, f"update {table} set {column} = null")  # noqa: S608 - our own names
    assert await _count(database) == 0
    assert await _store(database, ours, NewItem(id=new_id(), payload={}))
