from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import anyio
import psycopg
import pytest
from psycopg import IsolationLevel
from sqlalchemy import text
from tests.fixtures.accounts import differences
from tests.fixtures.items import FLEET, claim_some, enqueue_some
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import call, tell
from tests.fixtures.waiting import until_blocked

from fairlead.db.retry import transact
from fairlead.db.session import Database, Isolation, Session
from fairlead.domain.ids import new_id
from fairlead.engine.complete import Completion, complete
from fairlead.errors import QueueFull
from fairlead.producer import enqueueing
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import cancel_items, enqueue_items, retry_items

pytestmark = pytest.mark.anyio

PRODUCERS, MOST = 20, 30
_LIVE = text("select count(*) from queue_items_live where organization_id = :organization_id")

Attempt: TypeAlias = Callable[[Database, Tenant, int], Awaitable[bool]]


async def _other_queue(database: Database, owner: Tenant) -> Tenant:
    other = Tenant(owner.organization_id, new_id())
    statement = "insert into queues (id, organization_id, name) values (:id, :organization, 'b')"
    await tell(database, statement, id=other.queue_id, organization=owner.organization_id)
    return other


async def _live(database: Database, owner: Tenant) -> int:
    async with database.unit_of_work(FLEET) as session:
        return int((await session.execute(_LIVE.bindparams(organization_id=owner.organization_id))).scalar_one())


async def _alone(database: Database, owner: Tenant, number: int) -> bool:
    """Enqueue in a transaction of its own."""
    items = [ItemInput({"n": number})] * (1 + number % 3)
    try:
        await call(database, owner.scope, enqueue_items, queue_id=owner.queue_id, items=items)
    except QueueFull:
        return False
    return True


def _in_a_larger_one(isolation: Isolation) -> Attempt:
    async def attempt(database: Database, owner: Tenant, number: int) -> bool:
        """Enqueue in the middle of a transaction that goes on when the queue is full."""

        async def work(session: Session) -> bool:
            await session.execute(text("select count(*) from queues"))
            try:
                items = [ItemInput({"n": number})] * (1 + number % 3)
                await enqueue_items(session, owner.scope, queue_id=owner.queue_id, items=items)
            except QueueFull:
                return False
            return True

        return await transact(database, owner.scope, work=work, isolation=isolation, tries=100)

    return attempt


def _outside(level: IsolationLevel) -> Attempt:
    async def attempt(database: Database, owner: Tenant, number: int) -> bool:
        """Enqueue on a connection that is not ours, which tries again when it met another."""
        items = [ItemInput({"n": number})] * (1 + number % 3)
        async with await psycopg.AsyncConnection.connect(database.options.url) as connection:
            await connection.set_isolation_level(level)
            while True:
                try:
                    async with connection.transaction():
                        for step in enqueueing(owner.scope, queue_id=owner.queue_id, items=items).statements:
                            await connection.execute(*step)
                except psycopg.errors.SerializationFailure:
                    continue
                except psycopg.Error as error:
                    if error.sqlstate != "FL429":
                        raise
                    return False
                return True

    return attempt


ATTEMPTS: dict[str, Attempt] = {
    "alone": _alone,
    "read committed": _in_a_larger_one("read committed"),
    "repeatable read": _in_a_larger_one("repeatable read"),
    "serializable": _in_a_larger_one("serializable"),
    "outside, read committed": _outside(IsolationLevel.READ_COMMITTED),
    "outside, repeatable read": _outside(IsolationLevel.REPEATABLE_READ),
}


@pytest.mark.parametrize("name", ATTEMPTS)
@pytest.mark.parametrize("limited", ["queue", "organization"])
async def test_a_depth_is_never_exceeded(database: Database, name: str, limited: str) -> None:
    """Twenty that enqueue at once, while others work items off, never have more there than is allowed."""
    owner = await make_tenant(database, max_depth=MOST if limited == "queue" else None)
    queues = [owner]
    if limited == "organization":
        await tell(database, "update organizations set max_queue_depth = :most", most=MOST)
        queues.append(await _other_queue(database, owner))
    seen, refused, left = list[int](), list[bool](), PRODUCERS

    async def produces(number: int) -> None:
        nonlocal left
        for turn in range(4):
            refused.append(not await ATTEMPTS[name](database, queues[number % len(queues)], number + turn))
        left -= 1

    async def works_off() -> None:
        while left:
            items = [item for queue in queues for item in await claim_some(database, queue, 2)]
            async with database.unit_of_work(FLEET) as session:
                await complete(session, FLEET, completions=[Completion(item) for item in items])
            seen.append(await _live(database, owner))

    async with anyio.create_task_group() as tasks:
        for number in range(PRODUCERS):
            tasks.start_soon(produces, number)
        tasks.start_soon(works_off)
    assert max(seen) <= MOST
    assert {*refused} == {True, False} or len(seen) > MOST
    assert await differences(database) == []


@pytest.mark.parametrize("limited", ["queue", "organization"])
async def test_exactly_what_fits_enters(database: Database, limited: str) -> None:
    """When nothing leaves, exactly as many enter as there is room for, whoever comes first."""
    owner = await make_tenant(database, max_depth=7 if limited == "queue" else None)
    if limited == "organization":
        await tell(database, "update organizations set max_queue_depth = 7")
    entered = list[bool]()

    async def produces() -> None:
        entered.append(await _alone(database, owner, 0))

    async with anyio.create_task_group() as tasks:
        for _ in range(PRODUCERS):
            tasks.start_soon(produces)
    assert (sum(entered), await _live(database, owner)) == (7, 7)
    assert await differences(database) == []


async def test_turns_of_two_queues_never_deadlock(database: Database) -> None:
    """Those who enqueue into two limited queues of a limited organization take their turns in one order."""
    owner = await make_tenant(database)
    queues = [owner, await _other_queue(database, owner)]
    await tell(database, "update organizations set max_queue_depth = 1000")
    await tell(database, "update queues set max_depth = 1000")

    async def produces(number: int) -> None:
        for turn in range(5):
            assert await _alone(database, queues[(number + turn) % 2], number)

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(produces, number)
    assert await differences(database) == []


async def test_a_retry_takes_its_turn(database: Database) -> None:
    """Items that are retried and items that are enqueued at the same moment do not exceed the depth together."""
    owner = await make_tenant(database)
    ids = await enqueue_some(database, owner, 5)
    await call(database, owner.scope, cancel_items, item_ids=ids)
    await tell(database, "update queues set max_depth = 5")
    answers: list[Any] = []

    async def retries() -> None:
        try:
            answers.append(len(await call(database, owner.scope, retry_items, item_ids=ids)))
        except QueueFull as error:
            answers.append(error)

    async with anyio.create_task_group() as tasks, database.unit_of_work(owner.scope) as session:
        await enqueue_items(session, owner.scope, queue_id=owner.queue_id, items=[ItemInput({})])
        tasks.start_soon(retries)
        await until_blocked(database)
    assert [type(answer) for answer in answers] == [QueueFull]
    assert await _live(database, owner) == 1


async def test_an_unlimited_queue_waits_for_nobodys_turn(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """While somebody keeps the turn of a limited queue, another queue takes items at once."""
    await tell(database, "update queues set max_depth = 9 where id = :id", id=ours.queue_id)
    async with database.unit_of_work(ours.scope) as session:
        await enqueue_items(session, ours.scope, queue_id=ours.queue_id, items=[ItemInput({})])
        assert await _alone(database, theirs, 0)
        other = await _other_queue(database, ours)
        assert await _alone(database, other, 0)
    assert [len(await claim_some(database, queue)) for queue in (ours, theirs, other)] == [1, 1, 1]
