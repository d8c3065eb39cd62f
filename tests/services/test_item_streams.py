"""Streams of items: all or none, in the order given, checked while they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, claim_some
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database, Session
from fairlead.domain.ids import new_id
from fairlead.errors import NotFound, QueueFull, ValidationFailed
from fairlead.services.item_rules import ItemInput
from fairlead.services.item_streams import enqueue_stream

pytestmark = pytest.mark.anyio

_STRANGE = {
    "quoted": 'a "b"',
    "backslash": "\\n \\. \\N",
    "lines": "a\nb\r\tc",
    "letters": "žluťoučký 🐎",
    "null": None,
}


def _numbered(count: int) -> Iterator[ItemInput]:
    return (ItemInput({"number": number}) for number in range(count))


async def _count(database: Database) -> int:
    async with database.unit_of_work(FLEET) as session:
        return int((await session.execute(text("select count(*) from queue_items"))).scalar_one())


async def test_a_stream_is_enqueued_in_its_order(database: Database, ours: Tenant) -> None:
    """Two and a half thousand items from a generator are there, counted, and claimed in the order they came in."""
    async with database.unit_of_work(ours.scope) as session:
        assert await enqueue_stream(session, ours.scope, queue_id=ours.queue_id, items=_numbered(2500)) == 2500
    claimed = await claim_some(database, ours, 3000)
    assert [item.payload["number"] for item in claimed] == list(range(2500))


async def test_items_may_come_asynchronously(database: Database, ours: Tenant) -> None:
    """An asynchronous generator is read as it comes."""

    async def coming() -> AsyncIterator[ItemInput]:
        for item in _numbered(3):
            yield item

    async with database.unit_of_work(ours.scope) as session:
        assert await enqueue_stream(session, ours.scope, queue_id=ours.queue_id, items=coming()) == 3


async def test_every_field_and_character_arrives(database: Database, ours: Tenant) -> None:
    """Whatever COPY's own format has a meaning for is data in a payload, and the other fields are kept."""
    item = ItemInput(_STRANGE, task="a\\b", priority=7, max_attempts=9, tags=("x", "y\\z"))
    async with database.unit_of_work(ours.scope) as session:
        await enqueue_stream(session, ours.scope, queue_id=ours.queue_id, items=[item])
    (claimed,) = await claim_some(database, ours)
    assert (claimed.payload, claimed.task, claimed.priority, claimed.max_attempts, claimed.tags) == (
        _STRANGE,
        "a\\b",
        7,
        9,
        ["x", "y\\z"],
    )


async def test_two_streams_share_a_transaction(database: Database, ours: Tenant) -> None:
    """A second stream in the same transaction adds to the first."""
    async with database.unit_of_work(ours.scope) as session:
        for _ in range(2):
            await enqueue_stream(session, ours.scope, queue_id=ours.queue_id, items=_numbered(2))
    assert await _count(database) == 4


async def test_a_wrong_item_undoes_all_of_it(database: Database, ours: Tenant) -> None:
    """The first wrong item is named by its place, nothing is kept, and the transaction goes on."""
    items = [*_numbered(3), ItemInput({"bad": "\x00"})]
    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(ValidationFailed) as caught:
            await enqueue_stream(session, ours.scope, queue_id=ours.queue_id, items=items)
        assert await enqueue_stream(session, ours.scope, queue_id=ours.queue_id, items=_numbered(1)) == 1
    assert list(caught.value.details) == ["items[3].payload"]
    assert await _count(database) == 1


async def test_what_the_source_raises_passes_through(database: Database, ours: Tenant) -> None:
    """An error of the generator's own comes out as it is, and nothing is kept."""

    def failing() -> Iterator[ItemInput]:
        yield ItemInput({})
        raise ZeroDivisionError

    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(ZeroDivisionError):
            await enqueue_stream(session, ours.scope, queue_id=ours.queue_id, items=failing())
    assert await _count(database) == 0


async def test_unique_items_are_refused(database: Database, ours: Tenant) -> None:
    """A stream takes no unique keys, and says what to do."""
    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(ValidationFailed, match="in batches"):
            await enqueue_stream(session, ours.scope, queue_id=ours.queue_id, items=[ItemInput({}, unique_key="a")])


async def test_a_stream_keeps_to_the_depth(database: Database) -> None:
    """A stream longer than the queue has room for is refused whole; one that fits enters."""
    owner = await make_tenant(database, max_depth=5)
    async with database.unit_of_work(owner.scope) as session:
        with pytest.raises(QueueFull):
            await enqueue_stream(session, owner.scope, queue_id=owner.queue_id, items=_numbered(6))
        assert await enqueue_stream(session, owner.scope, queue_id=owner.queue_id, items=_numbered(5)) == 5
    assert await _count(database) == 5


async def test_an_unknown_queue_takes_nothing(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A queue that is not there answers as another organization's does."""
    for queue_id in (new_id(), "?", theirs.queue_id):
        async with database.unit_of_work(ours.scope) as session:
            with pytest.raises(NotFound):
                await enqueue_stream(session, ours.scope, queue_id=queue_id, items=_numbered(1))
    assert await _count(database) == 0


async def test_a_stream_takes_the_time_its_maker_needs(database: Database, ours: Tenant) -> None:
    """No statement's time limit ends a stream whose items come slowly; afterwards the limit is what it was."""
    hasty = Database(replace(database.options, statement_timeout_seconds=0.2))
    limit = text("select current_setting('statement_timeout')")

    async def slowly() -> AsyncIterator[ItemInput]:
        yield ItemInput({})
        await tell(database, "select pg_sleep(0.3)")
        yield ItemInput({})

    async with hasty.unit_of_work(ours.scope) as session:
        assert await enqueue_stream(session, ours.scope, queue_id=ours.queue_id, items=slowly()) == 2
        assert (await session.execute(limit)).scalar_one() == "200ms"
        with pytest.raises(QueueFull):
            await _refused(session, ours)
        assert (await session.execute(limit)).scalar_one() == "200ms"
    await hasty.close()


async def _refused(session: Session, owner: Tenant) -> None:
    changed = text("update queues set max_depth = 2 where id = :id").bindparams(id=owner.queue_id)
    await session.execute(changed)
    await enqueue_stream(session, owner.scope, queue_id=owner.queue_id, items=_numbered(1))
