from __future__ import annotations

import random
from contextlib import suppress

import anyio
import psycopg
import pytest
from sqlalchemy import make_url, text
from tests.fixtures.accounts import differences
from tests.fixtures.items import FLEET, bring_due, claim_some, enqueue_some, expire, rescue_all
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database, Session
from fairlead.domain.ids import new_id
from fairlead.engine.cancel import cancel
from fairlead.engine.claim import ClaimedItem, Source, claim
from fairlead.engine.complete import Completion, complete
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.fail import Failure, fail
from fairlead.engine.release import release
from fairlead.engine.reports import Lease
from fairlead.engine.snooze import Snooze, snooze
from fairlead.errors import TemporaryError, TransactionConflict

pytestmark = pytest.mark.anyio

CLAIMERS, TURNS, IN_ALL = 8, 25, 7
LIMITS = (5, 4)  # of two queues whose organization has IN_ALL
_AT_WORK = text("""
select coalesce(max(n) filter (where n > limit_of), 0) as exceeded, coalesce(sum(n), 0) as at_work
from (
    select q.max_concurrency as limit_of, count(*) as n
    from queue_items_live i join queues q on q.organization_id = i.organization_id and q.id = i.queue_id
    where i.status = 'processing' group by q.id
) a
""")
_LOST = """
update queue_items_live set lease_expires_at = statement_timestamp()
where status = 'processing' and ctid = any (array(
    select ctid from queue_items_live where status = 'processing' for update skip locked limit 3))
"""
# A connection that does something at this moment; never the one that asks, nor the one that looks on.
_KILL = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = %s and pid <> pg_backend_pid() and application_name = 'tests' and query not like '%%limit_of%%'
    and state <> 'idle'
limit 1
"""


async def _two_queues(database: Database) -> list[Tenant]:
    first = await make_tenant(database, max_concurrency=LIMITS[0])
    second = Tenant(first.organization_id, new_id())
    statement = (
        "insert into queues (id, organization_id, name, max_concurrency) values (:id, :organization, 'b', :most)"
    )
    await tell(database, statement, id=second.queue_id, organization=first.organization_id, most=LIMITS[1])
    await tell(database, "update organizations set max_concurrency = :most", most=IN_ALL)
    return [first, second]


async def _report(session: Session, chance: random.Random, items: list[ClaimedItem]) -> None:
    """Let one outcome, drawn by chance, be reported for all."""
    kind = chance.randrange(5)
    if kind == 0:
        await complete(session, FLEET, completions=[Completion(item) for item in items])
    elif kind == 1:
        await fail(session, FLEET, failures=[Failure(item, "no", give_up=chance.random() < 0.3) for item in items])
    elif kind == 2:
        await release(session, FLEET, leases=[item.lease for item in items])
    elif kind == 3:
        await snooze(session, FLEET, snoozes=[Snooze(item.lease, 0) for item in items])
    else:
        scope = Tenant(items[0].organization_id, "").scope
        await cancel(session, scope, item_ids=[item.id for item in items])
        await end_cancelled(session, FLEET, leases=items)


class Crowd:
    """Claimers that work beside each other, somebody who kills their connections, and somebody who looks on."""

    def __init__(self, database: Database, queues: list[Tenant]) -> None:
        self.database, self.queues = database, queues
        self.samples: list[tuple[int, int]] = []
        self.started = self.turns = self.killed = self.deadlocks = 0
        self._working = CLAIMERS

    async def claims(self, number: int) -> None:
        """Take turns at claiming and reporting; what is lost with its connection is left to the rescue."""
        chance = random.Random(number)  # noqa: S311 - a test that can be repeated
        sources = [Source(queue.organization_id, queue.queue_id, 3) for queue in self.queues]
        for _ in range(TURNS):
            chance.shuffle(sources)
            try:
                async with self.database.unit_of_work(FLEET) as session:
                    items = await claim(session, FLEET, sources=sources, worker_id=f"worker-{number}")
                self.started += len(items)
                self.turns += 1
                if items:
                    async with self.database.unit_of_work(FLEET) as session:
                        await _report(session, chance, items)
            except TemporaryError as error:
                self.deadlocks += isinstance(error, TransactionConflict)
                await self._rescue()
        self._working -= 1

    async def _rescue(self) -> None:
        """Take back what nobody holds any more, so that the killed do not fill the limits up."""
        with suppress(TemporaryError):
            await tell(self.database, _LOST)
            await rescue_all(self.database)

    async def kills(self, server_url: str) -> None:
        """End a busy connection again and again while there is work, each time after somebody got on with it."""
        name = make_url(self.database.options.url).database
        async with await psycopg.AsyncConnection.connect(server_url, autocommit=True) as connection:
            while self._working:
                cursor = await connection.execute(_KILL, [name])
                self.killed += len(await cursor.fetchall())
                seen = self.turns
                while self._working and self.turns == seen:
                    await anyio.lowlevel.checkpoint()

    async def looks_on(self) -> None:
        """Count in one snapshot after another what is worked on."""
        while self._working:
            try:
                async with self.database.unit_of_work(FLEET) as session:
                    row = (await session.execute(_AT_WORK)).one()
                self.samples.append((int(row.exceeded), int(row.at_work)))
            except TemporaryError:
                continue


async def test_no_limit_is_ever_exceeded(database: Database, server_url: str) -> None:
    """Eight claimers with every outcome, their connections killed at random: never is more worked on than allowed.

    It is looked at in one snapshot after another all the while; at the end the slots are what is still worked on.
    """
    queues = await _two_queues(database)
    for queue in queues:
        await enqueue_some(database, queue, 300, max_attempts=100)
    crowd = Crowd(database, queues)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(crowd.looks_on)
        tasks.start_soon(crowd.kills, server_url)
        for number in range(CLAIMERS):
            tasks.start_soon(crowd.claims, number)
    assert {exceeded for exceeded, _ in crowd.samples} == {0}
    assert max(at_work for _, at_work in crowd.samples) <= IN_ALL
    assert crowd.deadlocks == 0
    assert min(crowd.killed, crowd.started, len(crowd.samples)) > 10
    assert await differences(database) == []
    await _everything_ends(database, queues)


async def _everything_ends(database: Database, queues: list[Tenant]) -> None:
    """Take back what the killed left, and see that all slots can be used again."""
    held = await tell(database, "select organization_id, id, claims from queue_items_live where status = 'processing'")
    await expire(database, *(Lease(*row) for row in held))
    await rescue_all(database)
    await bring_due(database)
    assert await tell(database, "select 1 from slots where taken <> 0") == []
    assert len(await claim_some(database, queues[0])) == LIMITS[0]
    assert len(await claim_some(database, queues[1])) == IN_ALL - LIMITS[0]
    assert await differences(database) == []
