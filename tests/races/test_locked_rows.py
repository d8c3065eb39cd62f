"""Rows of one organization that somebody holds locked, in a worker that works for others, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import psycopg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.fixtures.accounts import differences
from tests.fixtures.doctor import superuser_of
from tests.fixtures.items import FLEET, claimed, expire, row_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell
from tests.fixtures.schedules import be_late, made_by, make_schedule, read
from tests.fixtures.waiting import until, until_blocked
from tests.fixtures.workers import finished, put, reaching, resources_on, working

from fairlead import App, Item
from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database
from fairlead.engine.complete import Completion, complete
from fairlead.engine.reconcile import reconcile
from fairlead.maintenance import rescuer as rescuer_module
from fairlead.maintenance.lookout import Lookout
from fairlead.maintenance.reconciler import reconciler
from fairlead.maintenance.rescuer import rescuer
from fairlead.maintenance.scheduler import scheduler
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items

pytestmark = pytest.mark.anyio

LOCKS: Final = {
    "the queue": "select from queues where organization_id = %s for update",
    "the items": "select from queue_items_live where organization_id = %s for update",
    "the slots": "select from slots where organization_id = %s for update",
}
LEASE_SECONDS: Final = 1


@asynccontextmanager
async def locked(superuser_url: str, kind: str, owner: Tenant) -> AsyncIterator[None]:
    """Hold rows of an organization as a forgotten transaction does."""
    async with await psycopg.AsyncConnection.connect(superuser_url) as connection:
        found = await connection.execute(LOCKS[kind].encode(), [owner.organization_id])
        assert found.rowcount > 0
        yield
        await connection.rollback()


class Work:
    """Handlers of which the organization that is locked later waits to be told, and others do something else."""

    def __init__(self, ours: Tenant, *, others: Callable[[Item], Awaitable[object]]) -> None:
        self.app, self.begun, self.go_on = App(), asyncio.Event(), asyncio.Event()

        @self.app.handler("work")
        async def work(item: Item) -> None:
            if item.organization_id != ours.organization_id:
                await others(item)
                return
            self.begun.set()
            await self.go_on.wait()


async def nothing(_item: Item) -> None:
    """Be done at once."""


@pytest.fixture
def superuser_url(server_url: str, database_url: str) -> str:
    """The URL of this process's database for whoever may lock anything."""
    return superuser_of(server_url, database_url)


@pytest.mark.parametrize("kind", LOCKS)
async def test_nobody_waits_for_anothers_rows(database: Database, superuser_url: str, kind: str) -> None:
    """Others' items are worked and reported meanwhile; the outcome that has to wait is accepted afterwards."""
    ours, theirs = [await make_tenant(database, max_concurrency=5) for _ in range(2)]
    work = Work(ours, others=nothing)

    with capture_logs() as logs:
        async with working(database, work.app, maintained=True):
            (blocked,) = await put(database, ours, {})
            await work.begun.wait()
            async with locked(superuser_url, kind, ours):
                work.go_on.set()
                if kind == "the slots":
                    await put(database, ours, {}, {})
                for _ in range(10):
                    (other,) = await put(database, theirs, {})
                    assert (await finished(database, theirs, other, seconds=4))["claims"] == 1
                assert (await row_of(database, ours, blocked))["status"] == "processing"
            row = await finished(database, ours, blocked)

    assert (row["status"], row["claims"]) == ("completed", 1)
    said = [log["event"] for log in logs if log.get("organization_id") == ours.organization_id]
    assert {"rows_locked", "rows_free"} <= set(said)
    assert said.count("rows_locked") == 1


async def test_a_transaction_of_a_handlers_own_waits_for_nobodys_slots(database: Database, superuser_url: str) -> None:
    """What a handler's own transaction completed is confirmed while another organization's slots are locked."""
    ours, theirs = [await make_tenant(database, max_concurrency=5) for _ in range(2)]

    async def complete(item: Item) -> None:
        async with database.unit_of_work(theirs.scope) as session:
            await item.complete(session)

    work = Work(ours, others=complete)

    async with working(database, work.app, maintained=True) as worker:

        async def confirmed() -> bool:
            return len(worker._held) == 1

        await put(database, ours, {})
        await work.begun.wait()
        async with database.unit_of_work(FLEET) as session:  # there is something to correct
            wrong = text("update slots set taken = taken + 1 where organization_id = :ours")
            await session.execute(wrong.bindparams(ours=ours.organization_id))
        async with locked(superuser_url, "the slots", ours):
            for _ in range(3):
                (other,) = await put(database, theirs, {})
                assert (await finished(database, theirs, other))["claims"] == 1
                await until(confirmed, what="the worker holds nothing but what is locked", seconds=4)
        work.go_on.set()


async def test_nobodys_lease_ends_for_anothers_lock(database: Database, superuser_url: str) -> None:
    """A lease is kept while the items of another organization cannot be renewed."""
    ours, theirs = [await make_tenant(database, lease_seconds=LEASE_SECONDS) for _ in range(2)]
    go_on = asyncio.Event()

    async def wait(_item: Item) -> None:
        await go_on.wait()

    work = Work(ours, others=wait)

    async with working(database, work.app, maintained=True):
        await put(database, ours, {})
        await work.begun.wait()
        async with locked(superuser_url, "the items", ours):
            (other,) = await put(database, theirs, {})
            first = await reaching(database, theirs, other, "processing")

            async def kept() -> bool:
                row = await row_of(database, theirs, other)
                ends = [datetime.fromisoformat(one["lease_expires_at"]) for one in (row, first)]
                return (ends[0] - ends[1]).total_seconds() > 3 * LEASE_SECONDS

            await until(kept, what="the lease was renewed several times")
            go_on.set()
            work.go_on.set()
            row = await finished(database, theirs, other)

    assert (row["status"], row["claims"]) == ("completed", 1)


@pytest.mark.parametrize("late", [1, 30], ids=["few", "more than a batch"])
async def test_nobodys_rescue_waits_for_anothers_slots(
    database: Database, superuser_url: str, monkeypatch: pytest.MonkeyPatch, *, late: int
) -> None:
    """Items of others are taken back while the slots of an organization are locked, and its own items afterwards."""
    monkeypatch.setattr(rescuer_module, "BATCH", 10)
    ours, theirs = [await make_tenant(database, max_concurrency=50) for _ in range(2)]
    await expire(database, *await claimed(database, ours, late))
    await expire(database, *await claimed(database, theirs, 15))

    async with resources_on(database) as resources:
        loop = rescuer(resources, Lookout(database))
        async with locked(superuser_url, "the slots", ours):
            while await loop._turn() == 0:
                pass
            assert await statuses(database, theirs) == {"waiting": 15}
            assert await statuses(database, ours) == {"processing": late}
        while await loop._turn() == 0:
            pass

    assert await statuses(database, ours) == {"waiting": late}
    assert await differences(database) == []


async def test_nobodys_slots_stay_wrong_for_anothers(database: Database, superuser_url: str) -> None:
    """What is wrong with the slots of others is put right while those of an organization are locked."""
    ours, theirs = [await make_tenant(database, max_concurrency=5) for _ in range(2)]
    for owner in (ours, theirs):
        await claimed(database, owner, 2)
    await tell(database, "update slots set taken = taken + 1")

    async with resources_on(database) as resources:
        async with locked(superuser_url, "the slots", ours):
            await reconciler(resources, database)._turn()
            assert sorted(wrong[1] for wrong in await differences(database)) == ["", ours.queue_id]
        async with database.unit_of_work(FLEET) as session:
            await reconcile(session, FLEET)

    assert await differences(database) == []


async def test_nobodys_ticks_wait_for_anothers_open_transaction(database: Database) -> None:
    """While a transaction keeps the turn of a limited depth, others' schedules run, and its own afterwards."""
    ours, theirs = await make_tenant(database, max_depth=9), await make_tenant(database)
    own = [await make_schedule(database, ours, name=name) for name in "ab"]
    other = await make_schedule(database, theirs)
    for made in (*own, other):
        await be_late(database, made)

    async with resources_on(database) as resources:
        async with database.unit_of_work(ours.scope) as session:
            await enqueue_items(session, ours.scope, queue_id=ours.queue_id, items=[ItemInput({})])
            await scheduler(resources, database)._turn()
            assert [len(await made_by(database, made.id)) for made in (*own, other)] == [0, 0, 1]
        assert "still open" in str((await read(database, ours, own[0])).error_message)
        await tell(database, "update schedules set retry_at = null")
        await scheduler(resources, database)._turn()

    assert [len(await made_by(database, made.id)) for made in (*own, other)] == [1, 1, 1]
    assert await differences(database) == []


async def statuses(database: Database, owner: Tenant) -> dict[str, int]:
    """Return how many items of an organization there are by status."""
    counted = text(
        "select cast(status as text) as status, count(*) as number from queue_items "
        "where organization_id = :organization_id group by 1"
    )
    async with database.unit_of_work(FLEET) as session:
        found = await session.execute(counted.bindparams(organization_id=owner.organization_id))
        return {row.status: row.number for row in found}


async def test_nobodys_requests_wait_for_anothers(database: Database, database_url: str, superuser_url: str) -> None:
    """While all the transactions that an organization may have in a process wait for a lock, others are served."""
    ours, theirs = [await make_tenant(database) for _ in range(2)]
    process = Database(DatabaseOptions(url=database_url, pool_size=5))  # past a pooler, which may have no more itself
    (lease,) = await claimed(database, ours)

    async def report() -> None:
        async with process.unit_of_work(ours.scope) as session:
            await complete(session, ours.scope, completions=[Completion(lease)])

    async with locked(superuser_url, "the queue", ours):
        waiting = [asyncio.create_task(report()) for _ in range(20)]
        await until_blocked(database, connections=4)
        async with process.unit_of_work(theirs.scope) as session:
            await enqueue_items(session, theirs.scope, queue_id=theirs.queue_id, items=[ItemInput({})])
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
    await process.close()
