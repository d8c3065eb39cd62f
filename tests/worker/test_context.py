from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row
from sqlalchemy import text
from tests.fixtures.items import claim_one, enqueue_some, expire, row_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.workers import finished, put, reaching, working

from fairlead import App, GiveUp, Item
from fairlead.db.session import Database
from fairlead.db.tenancy import tenant
from fairlead.engine.cancel import cancel
from fairlead.engine.reports import Lease
from fairlead.errors import ItemCancelled, LeaseLost, ValidationFailed
from fairlead.queries.ready_sources import ReadyQueue
from fairlead.worker.held import Held
from fairlead.worker.outcome import NOT_COMMITTED

pytestmark = pytest.mark.anyio

_MARK = text("update organizations set name = 'changed by the handler'")
_NAME = text("select name from organizations where id = :id")


async def _name(database: Database, owner: Tenant) -> str:
    async with database.unit_of_work(owner.scope) as session:
        return str((await session.execute(_NAME.bindparams(id=owner.organization_id))).scalar_one())


async def _worked(database: Database, owner: Tenant, handler: Callable[[Item], Any], *statuses: str) -> dict[str, Any]:
    app = App()
    app.handler("work")(handler)
    async with working(database, app):
        (item_id,) = await put(database, owner, {}, max_attempts=1)
        return await reaching(database, owner, item_id, *statuses)


async def test_a_handler_completes_its_item_with_what_it_did(database: Database, ours: Tenant) -> None:
    """What the handler changed and the item's completion are one transaction; the worker reports nothing else."""

    async def work(item: Item) -> str:
        async with database.unit_of_work(tenant(item.organization_id)) as session:
            await session.execute(_MARK)
            await item.complete(session, result={"a": 1})
        return "not this"

    row = await _worked(database, ours, work, "completed", "failed")

    assert (row["status"], row["result"], row["error_message"]) == ("completed", {"a": 1}, None)
    assert await _name(database, ours) == "changed by the handler"


async def test_its_slot_is_free_when_the_handler_has_returned(database: Database) -> None:
    """Of a queue that gives one item at a time the next is begun soon after, without waiting for maintenance."""
    owner = await make_tenant(database, max_concurrency=1)
    app = App()

    @app.handler("work")
    async def work(item: Item) -> None:
        async with database.unit_of_work(tenant(item.organization_id)) as session:
            await item.complete(session)

    async with working(database, app):
        for item_id in await put(database, owner, {}, {}, {}):
            assert (await finished(database, owner, item_id))["status"] == "completed"


async def test_what_is_not_committed_is_a_failed_attempt(database: Database, ours: Tenant) -> None:
    """A handler whose transaction was rolled back, and that returns all the same, has failed; nothing is changed."""

    async def work(item: Item) -> None:
        with suppress(ZeroDivisionError):
            async with database.unit_of_work(tenant(item.organization_id)) as session:
                await session.execute(_MARK)
                await item.complete(session)
                raise ZeroDivisionError

    row = await _worked(database, ours, work, "completed", "failed")

    assert (row["status"], row["error_message"]) == ("failed", NOT_COMMITTED)
    assert await _name(database, ours) == "Test"


@pytest.mark.parametrize("committed", [True, False])
async def test_an_error_after_completing(database: Database, ours: Tenant, *, committed: bool) -> None:
    """An error after the commit changes nothing any more; one that ends the transaction is the attempt's error."""

    async def work(item: Item) -> None:
        async with database.unit_of_work(tenant(item.organization_id)) as session:
            await item.complete(session)
            if not committed:
                raise GiveUp("no")
        raise GiveUp("after it was over")

    row = await _worked(database, ours, work, "completed", "failed")

    assert (row["status"], row["error_message"]) == (("completed", None) if committed else ("failed", "no"))


async def test_a_transaction_of_ones_own(database: Database, ours: Tenant) -> None:
    """The statements complete the item on any connection, synchronous too, and give the caller's role back."""
    roles: list[Any] = []

    def work(item: Item) -> None:
        with psycopg.connect(database.options.url) as connection:
            roles.append(_standing(connection))
            for statement, parameters in item.completion({"a": 1}).statements:
                connection.execute(statement, parameters)
            roles.append(_standing(connection))

    row = await _worked(database, ours, work, "completed", "failed")

    assert (row["status"], row["result"], row["error_message"]) == ("completed", {"a": 1}, None)
    assert roles[0] == roles[1]


def _standing(connection: psycopg.Connection[Any]) -> Any:
    asked = (
        "select current_user, current_setting('role'), coalesce(current_setting('fairlead.organization_id', true), '')"
    )
    return connection.cursor(row_factory=tuple_row).execute(asked).fetchone()


async def test_statements_that_were_never_run(database: Database, ours: Tenant) -> None:
    """A handler that asked for the statements and did not run them has failed."""

    async def work(item: Item) -> None:
        item.completion()

    row = await _worked(database, ours, work, "completed", "failed")

    assert (row["status"], row["error_message"]) == ("failed", NOT_COMMITTED)


async def _held(database: Database, owner: Tenant) -> Item:
    await enqueue_some(database, owner)
    queue = ReadyQueue(owner.organization_id, owner.queue_id, "work")
    return Held(await claim_one(database, owner), queue, 0.0).item


async def _lost(database: Database, owner: Tenant) -> Item:
    await enqueue_some(database, owner)
    claimed = await claim_one(database, owner)
    await expire(database, Lease(owner.organization_id, claimed.id, claimed.claims))
    return Held(claimed, ReadyQueue(owner.organization_id, owner.queue_id, "work"), 0.0).item


async def test_a_lost_lease_leaves_nothing_to_commit(database: Database, ours: Tenant) -> None:
    """With the lease lost completing raises, and nothing of the transaction is kept."""
    item = await _lost(database, ours)

    async def work() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await session.execute(_MARK)
            await item.complete(session)

    with pytest.raises(LeaseLost):
        await work()

    assert await _name(database, ours) == "Test"
    assert (await row_of(database, ours, item.id))["status"] == "processing"


async def test_a_cancelled_item_is_not_completed(database: Database, ours: Tenant) -> None:
    """Of an item that is being cancelled completing says so, and nothing of the transaction is kept."""
    item = await _held(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await cancel(session, ours.scope, item_ids=[item.id])

    async def work() -> None:
        async with database.unit_of_work(ours.scope) as session:
            await session.execute(_MARK)
            await item.complete(session)

    with pytest.raises(ItemCancelled):
        await work()

    assert await _name(database, ours) == "Test"
    assert (await row_of(database, ours, item.id))["status"] == "processing"


async def test_a_lost_lease_fails_the_callers_transaction(database: Database, ours: Tenant) -> None:
    """With the lease lost the statements raise FL409, so that the caller's own transaction cannot be committed."""
    item = await _lost(database, ours)

    def work() -> None:
        with psycopg.connect(database.options.url) as connection:
            for statement, parameters in item.completion().statements:
                connection.execute(statement, parameters)

    with pytest.raises(psycopg.Error) as caught:
        work()

    assert caught.value.sqlstate == "FL409"
    assert (await row_of(database, ours, item.id))["status"] == "processing"


async def test_another_organization_completes_nothing(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """In a unit of work of another organization there is no such item to complete."""
    await enqueue_some(database, ours)
    claimed = await claim_one(database, ours)
    item = Held(claimed, ReadyQueue(ours.organization_id, ours.queue_id, "work"), 0.0).item
    with pytest.raises(LeaseLost):
        async with database.unit_of_work(theirs.scope) as session:
            await item.complete(session)

    assert (await row_of(database, ours, item.id))["status"] == "processing"


async def test_a_result_that_cannot_be_stored(database: Database, ours: Tenant) -> None:
    """A result that cannot be stored is refused before anything is done."""
    await enqueue_some(database, ours)
    item = Held(await claim_one(database, ours), ReadyQueue(ours.organization_id, ours.queue_id, "work"), 0.0).item
    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(ValidationFailed, match="cannot be stored"):
            await item.complete(session, result={1, 2})
    with pytest.raises(ValidationFailed, match="cannot be stored"):
        item.completion({1, 2})


async def test_statements_outside_a_transaction(database: Database, ours: Tenant) -> None:
    """On a connection that commits after each statement the first ones say so, and the item is not completed."""
    item = await _held(database, ours)

    def work() -> None:
        with psycopg.connect(database.options.url, autocommit=True) as connection:
            for statement, parameters in item.completion().statements:
                connection.execute(statement, parameters)

    with pytest.raises(psycopg.errors.NoActiveSqlTransaction):
        work()

    assert (await row_of(database, ours, item.id))["status"] == "processing"
