from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from anyio.lowlevel import checkpoint
from tests.fixtures.faults import end_connections, refuse_connections, until_back
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.errors import DatabaseUnavailable, NotFound
from fairlead.queries.items import find_items
from fairlead.services import shared_reads
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.shared_reads import SharedReads

pytestmark = pytest.mark.anyio


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each query was about."""
    counts: list[int] = []

    async def counting(*given: Any, item_ids: Any, **options: Any) -> Any:
        counts.append(len(item_ids))
        return await find_items(*given, item_ids=item_ids, **options)

    monkeypatch.setattr(shared_reads, "find_items", counting)
    return counts


async def enqueued(database: Database, owner: Tenant, count: int) -> list[str]:
    """Enqueue so many items."""
    async with database.unit_of_work(owner.scope) as session:
        items = [ItemInput({"n": number}) for number in range(count)]
        return await enqueue_items(session, owner.scope, queue_id=owner.queue_id, items=items)


async def test_who_comes_together_is_answered_by_one_query(database: Database, ours: Tenant, asked: list[int]) -> None:
    """A hundred callers get the items they asked for; what two of them asked for is read once."""
    ids = await enqueued(database, ours, 50)
    reads = SharedReads(database)

    items = await asyncio.gather(*(reads.item(ours.scope, item_id=item_id) for item_id in ids * 2))

    assert [(item.id, item.payload) for item in items] == [(item_id, {"n": n}) for n, item_id in enumerate(ids)] * 2
    assert asked == [50]


async def test_who_comes_meanwhile_is_answered_by_the_next(database: Database, ours: Tenant, asked: list[int]) -> None:
    """Nobody gets what an older query found, also not of the same item; all who wait share the next."""
    first, second = await enqueued(database, ours, 2)
    reads = SharedReads(database)
    with psycopg.connect(database.options.url) as holder:
        holder.execute("set role fairlead_owner")
        holder.execute("lock table queues")
        early = asyncio.create_task(reads.item(ours.scope, item_id=first))
        await until_blocked(database)
        late = [asyncio.create_task(reads.item(ours.scope, item_id=item_id)) for item_id in (first, second)]
        await checkpoint()

    assert [item.id for item in await asyncio.gather(early, *late)] == [first, first, second]
    assert asked == [1, 2]


async def test_no_query_is_about_too_many(database: Database, ours: Tenant, asked: list[int]) -> None:
    """As every item may be large, a hundred are read at a time."""
    ids = await enqueued(database, ours, 120)
    reads = SharedReads(database)

    items = await asyncio.gather(*(reads.item(ours.scope, item_id=item_id) for item_id in ids))

    assert [item.id for item in items] == ids
    assert asked == [100, 20]


async def test_what_is_not_there_is_not_found_by_itself(database: Database, ours: Tenant, asked: list[int]) -> None:
    """Another organization's item and an unknown one are NotFound, and beside them everybody gets their own."""
    theirs = await make_tenant(database)
    [mine], [foreign] = await enqueued(database, ours, 1), await enqueued(database, theirs, 1)
    reads = SharedReads(database)
    wanted = [(ours, mine), (ours, foreign), (ours, new_id()), (theirs, foreign), (theirs, mine)]

    found: list[Any] = await asyncio.gather(
        *(reads.item(who.scope, item_id=item_id) for who, item_id in wanted), return_exceptions=True
    )

    assert [getattr(item, "id", type(item)) for item in found] == [mine, NotFound, NotFound, foreign, NotFound]
    assert sorted(asked) == [2, 3]


async def test_whoever_gives_up_leaves_the_others_theirs(database: Database, ours: Tenant, asked: list[int]) -> None:
    """A caller that is cancelled takes nothing from another one of the same item."""
    [item_id] = await enqueued(database, ours, 1)
    reads = SharedReads(database)
    gone, stays = (asyncio.create_task(reads.item(ours.scope, item_id=item_id)) for _ in range(2))
    await checkpoint()
    gone.cancel()

    assert (await stays).id == item_id
    assert gone.cancelled()
    assert asked == [1]


async def test_a_database_that_is_away_is_everybodys_error(
    database: Database, ours: Tenant, database_url: str, server_url: str
) -> None:
    """Each caller gets an error of its own, and the reader works again when the database does."""
    ids = await enqueued(database, ours, 2)
    reads = SharedReads(database)
    refuse_connections(server_url, database_url, refuse=True)
    try:
        end_connections(server_url, database_url)
        answers = (reads.item(ours.scope, item_id=item_id) for item_id in ids)
        errors = await asyncio.gather(*answers, return_exceptions=True)
    finally:
        refuse_connections(server_url, database_url, refuse=False)
    await until_back(database)

    assert [type(error) for error in errors] == [DatabaseUnavailable] * 2
    assert errors[0] is not errors[1]
    assert (await reads.item(ours.scope, item_id=ids[0])).id == ids[0]
