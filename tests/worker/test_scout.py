from __future__ import annotations

import math
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, enqueue_some
from tests.fixtures.organizations import Tenant, make_tenant

from fairlead.db.session import Database
from fairlead.errors import DatabaseUnavailable
from fairlead.worker.known import KnownQueues
from fairlead.worker.scout import LONGEST_SECONDS, ORGANIZATIONS_A_TURN, Scout

pytestmark = pytest.mark.anyio

POLL_SECONDS = 100.0


class Scouting:
    """A scout whose turns the test takes, and how often it said that there is something."""

    def __init__(self, database: Database) -> None:
        self.known = KnownQueues()
        self.found = 0
        self.scout = Scout(database, self.known, names=["work"], poll_seconds=POLL_SECONDS, found=self._found)

    def _found(self) -> None:
        self.found += 1

    async def idle(self) -> float:
        """Take turns until it waits for a poll; return for how long."""
        for _ in range(20):
            self.scout._hurried = True
            self.scout._fruitful = False
            if (wait := await self.scout._turn()) > 1:
                return wait
        pytest.fail("it goes on looking")


@pytest.fixture
async def scouting(database: Database) -> Scouting:
    """A scout that has found nothing yet."""
    return Scouting(database)


async def test_what_is_ready_is_found(scouting: Scouting, database: Database, ours: Tenant) -> None:
    """A look finds a queue nobody told of, and says so."""
    await enqueue_some(database, ours)
    await scouting.scout._turn()

    assert scouting.found == 1
    assert [one.source.queue_id for one in scouting.known.share(5, now=0)] == [ours.queue_id]


async def test_an_idle_scout_polls_less_and_less(scouting: Scouting) -> None:
    """When nothing is found it waits for a poll, jittered; while wake-ups come, after some walks twice as long."""
    waits = [await scouting.idle() for _ in range(6)]
    assert all(0.75 * POLL_SECONDS <= wait <= POLL_SECONDS for wait in waits)

    scouting.scout.listening(True)
    waits = [await scouting.idle() for _ in range(6)]
    assert all(1.5 * POLL_SECONDS <= wait <= 2 * POLL_SECONDS for wait in waits)
    scouting.scout.listening(False)
    assert await scouting.idle() <= POLL_SECONDS


async def test_a_walk_among_many_without_anything_comes_to_its_end(scouting: Scouting, database: Database) -> None:
    """Many organizations with nothing for this worker are walked once a poll, step by step without a pause."""
    for _ in range(2 * ORGANIZATIONS_A_TURN + 1):
        await enqueue_some(database, await make_tenant(database, name="elsewhere"))
    scouting.scout._fruitful = False
    waits = [await scouting.scout._turn() for _ in range(3)]

    assert waits[:2] == [0, 0]
    assert waits[2] > 1
    assert scouting.found == 0


async def test_it_looks_at_once_when_that_was_of_use(scouting: Scouting, database: Database, ours: Tenant) -> None:
    """A worker with nothing left to ask looks at once if what the last look found was of use, and else not."""
    await scouting.idle()
    await enqueue_some(database, ours)
    scouting.scout.claimed(1)  # of something that a wake-up told of
    await scouting.scout._turn()
    assert scouting.found == 0

    scouting.scout._hurried = True
    await scouting.scout._turn()
    assert scouting.found == 1
    scouting.known.forget([ours.queue_id])
    scouting.scout.claimed(1)
    await scouting.scout._turn()
    assert scouting.found == 2


@pytest.mark.parametrize("told", ["connected", "claimed"])
async def test_a_wish_during_a_look_is_not_forgotten(
    scouting: Scouting, database: Database, ours: Tenant, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """Who wants a look while one is under way, which began too early for him, gets another right after it."""
    look = scouting.scout._look

    async def interrupted() -> Any:
        turn = await look()
        if told == "connected":
            scouting.scout.listening(True)
        else:
            scouting.scout.claimed(1)
        return turn

    monkeypatch.setattr(scouting.scout, "_look", interrupted)
    assert await scouting.scout._turn() == 0
    monkeypatch.setattr(scouting.scout, "_look", look)
    await enqueue_some(database, ours)
    await scouting.scout._turn()

    assert scouting.found == 1


async def test_rules_are_read_without_a_look(scouting: Scouting, database: Database, ours: Tenant) -> None:
    """An announced queue's rules are read though no look is due; one that is not this worker's is let go."""
    await scouting.idle()
    scouting.scout._next = math.inf
    other = await make_tenant(database, name="elsewhere")
    async with database.unit_of_work(FLEET) as session:
        weigh = text("update organizations set weight = 7 where id = :id")
        await session.execute(weigh.bindparams(id=ours.organization_id))
    for owner in (ours, other):
        scouting.scout.announce(owner.queue_id)
    await scouting.scout._turn()
    [asked] = scouting.known.share(5, now=0)

    assert (asked.known.queue.queue_id, asked.known.queue.weight) == (ours.queue_id, 7)
    assert scouting.known.stale == set()
    scouting.scout.announce(ours.queue_id)
    assert scouting.found == 2


async def test_what_a_rule_says_of_limits(scouting: Scouting, database: Database) -> None:
    """A queue with a limit of its own or its organization's is known as limited, one with a rate with its period."""
    plain, limited, rated, within = [await make_tenant(database) for _ in range(4)]
    async with database.unit_of_work(FLEET) as session:
        for owner, change in (
            (limited, "queues set max_concurrency = 3 where id = :queue"),
            (rated, "queues set rate_limit = 3, rate_period_seconds = 38 where id = :queue"),
            (within, f"organizations set max_concurrency = 3 where id = '{within.organization_id}' and :queue <> ''"),
        ):
            await session.execute(text(f"update {change}").bindparams(queue=owner.queue_id))
    for owner in (plain, limited, rated, within):
        scouting.scout.announce(owner.queue_id)
    await scouting.scout._turn()
    found = {one.known.queue.queue_id: one.known.queue for one in scouting.known.share(50, now=0)}

    assert [found[owner.queue_id].limited for owner in (plain, limited, rated, within)] == [False, True, True, True]
    assert [found[owner.queue_id].rate_period_seconds for owner in (plain, rated)] == [None, 38]


async def test_a_look_that_had_to_wait_delays_the_next_by_seconds(
    scouting: Scouting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a look took, which may have been somebody's lock, the next one comes within seconds."""
    monkeypatch.setattr("fairlead.worker.scout.SHARE", 1e-9)
    scouting.scout._poll_seconds = 0.0
    assert await scouting.idle() == pytest.approx(LONGEST_SECONDS, abs=0.1)


async def test_a_look_that_failed_is_taken_again(scouting: Scouting, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is away every turn looks again, so that none is taken for the database's return."""
    look = scouting.scout._look

    async def away() -> Any:
        raise DatabaseUnavailable

    await scouting.idle()
    scouting.scout._hurried = True
    monkeypatch.setattr(scouting.scout, "_look", away)
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable):
            await scouting.scout._turn()
    monkeypatch.setattr(scouting.scout, "_look", look)
    assert await scouting.scout._turn() > 0
