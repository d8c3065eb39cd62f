from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio.lowlevel
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.fixtures.faults import end_connections, refuse_connections
from tests.fixtures.held import make_held
from tests.fixtures.items import FLEET, claim_some, enqueue_some, expire, rescue_all, row_of, rows_of
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.waiting import until
from tests.fixtures.workers import count_by_status, until_counted, working

from fairlead import App, Item
from fairlead.db.session import Database
from fairlead.engine.cancel import cancel
from fairlead.engine.reports import Lease
from fairlead.worker import report
from fairlead.worker.held import Held, HeldItems
from fairlead.worker.outcome import Failed, Outcome, Released, Snoozed, Stopped, failed, returned
from fairlead.worker.report import Reporter

pytestmark = pytest.mark.anyio


class Reporting:
    """A reporter, what it holds, and the sizes of the batches it has reported."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.held = HeldItems()
        self.batches: list[int] = []
        self.reporter = Reporter(database, self.held, on_reported=lambda batch: self.batches.append(len(batch)))

    async def hold(self, owner: Tenant, count: int) -> list[Held]:
        """Enqueue and claim items, and hold them."""
        await enqueue_some(self.database, owner, count)
        made = [make_held(**item._asdict()) for item in await claim_some(self.database, owner)]
        for held in made:
            self.held.add(held)
        return made

    async def report(self, *outcomes: Outcome) -> None:
        """Report outcomes and wait until all are answered."""
        for outcome in outcomes:
            self.reporter.add(outcome)
        await asyncio.wait_for(self.reporter.drained(), 10)


@pytest.fixture
async def reporting(database: Database) -> AsyncIterator[Reporting]:
    """A running reporter."""
    made = Reporting(database)
    made.reporter.start()
    yield made
    await made.reporter.stop()


async def test_outcomes_go_in_batches(reporting: Reporting, ours: Tenant) -> None:
    """Outcomes of a kind that come in together go in one transaction, and never more than a batch at a time."""
    held = await reporting.hold(ours, 700)
    await reporting.report(*(returned(one, None) for one in held))

    assert reporting.batches == [report.BATCH, 200]
    assert len(reporting.held) == 0
    assert await count_by_status(reporting.database) == {"completed": 700}


async def test_every_kind_at_once(reporting: Reporting, ours: Tenant) -> None:
    """Outcomes of every kind may come in together; each item becomes what its own says, each verb by itself."""
    done, failing, hopeless, later, back = await reporting.hold(ours, 5)
    await reporting.report(
        returned(done, {"a": 1}),
        failed(failing, "no"),
        failed(hopeless, "never", give_up=True),
        Snoozed(later, 60),
        Released(back),
    )
    rows = await rows_of(reporting.database, ours, [one.claimed.id for one in (done, failing, hopeless, later, back)])

    assert reporting.batches == [1, 2, 1, 1]
    assert [row["status"] for row in rows] == ["completed", "waiting", "failed", "waiting", "waiting"]
    assert [row["attempts"] for row in rows] == [1, 1, 1, 0, 0]
    assert [row["ready"] for row in rows] == [True, False, True, False, True]
    assert [row["error_message"] for row in rows] == [None, "no", "never", None, None]
    assert rows[0]["result"] == {"a": 1}


async def test_a_refused_outcome_disturbs_nobody(reporting: Reporting, ours: Tenant) -> None:
    """An outcome whose lease is lost is logged as LEASE_LOST and dropped; the others of its batch are accepted."""
    lost, *others = await reporting.hold(ours, 3)
    await expire(reporting.database, Lease(ours.organization_id, lost.claimed.id, 1))
    await rescue_all(reporting.database)
    with capture_logs() as logs:
        await reporting.report(*(returned(one, "mine") for one in (lost, *others)))
    row = await row_of(reporting.database, ours, lost.claimed.id)

    assert (row["status"], row["result"]) == ("waiting", None)
    assert [(line["event"], line["code"], line["item_id"], line["outcome"]) for line in logs] == [
        ("outcome_refused", "LEASE_LOST", lost.claimed.id, "completed")
    ]
    assert await count_by_status(reporting.database) == {"waiting": 1, "completed": 2}
    assert len(reporting.held) == 0


async def test_an_outcome_of_a_cancelled_item_ends_it(reporting: Reporting, ours: Tenant) -> None:
    """What a handler comes to that did not hear of the cancellation is refused; its item ends, and nothing is lost."""
    items = await reporting.hold(ours, 5)
    done, failing, later, back, stopped = items
    async with reporting.database.unit_of_work(ours.scope) as session:
        await cancel(session, ours.scope, item_ids=[one.claimed.id for one in items])
    with capture_logs() as logs:
        await reporting.report(
            returned(done, "mine"), Failed(failing, "no", 0), Snoozed(later, 60), Released(back), Stopped(stopped)
        )
    rows = await rows_of(reporting.database, ours, [one.claimed.id for one in items])

    assert [(row["status"], row["attempts"], row["result"]) for row in rows] == [("cancelled", 1, None)] * 5
    assert logs == []
    assert len(reporting.held) == 0


async def test_what_comes_in_meanwhile_is_the_next_batch(reporting: Reporting, ours: Tenant) -> None:
    """An outcome taken while another is being reported is not forgotten, and `drained` waits for both."""
    first, second = await reporting.hold(ours, 2)
    async with reporting.database.unit_of_work(FLEET) as session:
        await session.execute(text("select from queue_items_live for update"))
        reporting.reporter.add(returned(first, None))
        waiting = asyncio.ensure_future(reporting.reporter.drained())
        await anyio.lowlevel.checkpoint()
        reporting.reporter.add(returned(second, None))
        assert not waiting.done()
    await asyncio.wait_for(waiting, 10)

    assert sum(reporting.batches) == 2
    assert await count_by_status(reporting.database) == {"completed": 2}


async def test_outcomes_outlast_the_database(
    reporting: Reporting, ours: Tenant, server_url: str, database_url: str
) -> None:
    """While the database is away outcomes wait, which is said once; when it is back each is accepted once."""
    held = await reporting.hold(ours, 50)
    refuse_connections(server_url, database_url, refuse=True)
    with capture_logs() as logs:
        try:
            end_connections(server_url, database_url)
            for one in held:
                reporting.reporter.add(returned(one, None))

            async def interrupted() -> bool:
                return bool(logs)

            await until(interrupted, what="the reporter notices")
            assert len(reporting.held) == 50
        finally:
            refuse_connections(server_url, database_url, refuse=False)
        await asyncio.wait_for(reporting.reporter.drained(), 10)

    assert [line["event"] for line in logs] == ["loop_interrupted", "loop_resumed"]
    assert await count_by_status(reporting.database) == {"completed": 50}


async def test_ended_connections_lose_no_outcome(database: Database, server_url: str) -> None:
    """With every connection ended again and again, each of 300 items is handled and completed exactly once.

    What a claim took whose answer was lost nobody holds: it is claimed again when its lease is over.
    """
    ours = await make_tenant(database, lease_seconds=5)
    app = App()
    handled: list[str] = []

    @app.handler("work")
    async def work(item: Item) -> int:
        handled.append(item.id)
        return len(handled)

    ids = await enqueue_some(database, ours, 300)
    async with working(database, app, maintained=True, concurrency=5):
        ended = 0
        for share in range(1, 6):

            async def reached(least: int = share * 50) -> bool:
                return len(handled) >= least

            await until(reached, what=f"{share * 50} items are handled", seconds=20)
            ended += end_connections(server_url, database.options.url)
        await until_counted(database, {"completed": 300})

    assert ended >= 5
    assert sorted(handled) == sorted(ids)
