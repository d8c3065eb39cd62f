from __future__ import annotations

import random
import signal
from collections import Counter

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET, rows_of
from tests.fixtures.organizations import Tenant
from tests.fixtures.processes import Process, Processes
from tests.fixtures.waiting import until, until_blocked
from tests.fixtures.workers import count_by_status, finished, put, reaching, until_counted
from tests.journeys.conftest import Journal

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio

ITEMS, KILLS = 300, 6
QUICK = 40
ENOUGH_ATTEMPTS = 50


async def _draining(
    database: Database, owner: Tenant, processes: Processes, journal: Journal, *, number: signal.Signals
) -> tuple[Process, list[str]]:
    """Send a worker that runs two of ten gated items its first signal; return it when it has given back the rest.

    It has been quick before, so that it holds more than it works on.
    """
    await put(database, owner, *[{}] * QUICK)
    worker = processes.worker("--concurrency", "2", url=database.options.url)
    await until_counted(database, {"completed": QUICK})
    ids = await put(database, owner, *[journal.payload] * 10, task="gated")
    await journal.until_begun(2)
    await until_counted(database, {"completed": QUICK, "processing": 10})
    worker.send(number)
    await until_counted(database, {"completed": QUICK, "processing": 2, "waiting": 8})
    return worker, ids


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_drains(
    database: Database, brief: Tenant, processes: Processes, journal: Journal, number: signal.Signals
) -> None:
    """SIGTERM, or Ctrl-C, lets running handlers finish, gives back the others, claims nothing more and exits with 0."""
    worker, ids = await _draining(database, brief, processes, journal, number=number)
    late = await put(database, brief, journal.payload)
    journal.gate.touch()
    assert await worker.ended() == 0
    rows = await rows_of(database, brief, ids + late)
    begun = {line[0] for line in journal.begun()}

    assert len(begun) == 2
    for row in rows:
        expected = ("completed", 1) if row["id"] in begun else ("waiting", 0)
        assert (row["status"], row["attempts"]) == expected
    assert "Traceback" not in worker.said()
    assert worker.output.read_text() == ""


async def test_a_drain_does_not_wait_for_the_upkeep(
    database: Database, brief: Tenant, processes: Processes, journal: Journal
) -> None:
    """From the first signal on nothing is claimed, also while a turn of the process's scheduler is held up."""
    worker = processes.worker("--concurrency", "2", url=database.options.url)
    await worker.until_said("worker_started")
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("lock table schedules"))
        await put(database, brief, *[journal.payload] * 10, task="gated")
        await journal.until_begun(2)
        await until_blocked(database)
        worker.send(signal.SIGTERM)
        await worker.until_said("Draining")
        journal.gate.touch()
        await worker.until_said("worker_stopped")
    assert await worker.ended() == 0
    assert await count_by_status(database) == {"completed": 2, "waiting": 8}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_second_signal_lets_go(
    database: Database, brief: Tenant, processes: Processes, journal: Journal, number: signal.Signals
) -> None:
    """A second signal gives what is running back at once, with its attempt, and the worker exits with 0."""
    worker, ids = await _draining(database, brief, processes, journal, number=number)
    worker.send(number)
    assert await worker.ended(seconds=5) == 0
    rows = await rows_of(database, brief, ids)

    assert {(row["status"], row["attempts"]) for row in rows} == {("waiting", 0)}
    assert "Traceback" not in worker.said()


async def test_killed_workers_lose_nothing(
    database: Database, brief: Tenant, processes: Processes, journal: Journal
) -> None:
    """Two workers are killed with SIGKILL again and again while 300 items flow: each is completed once."""
    dice = random.Random(7)  # noqa: S311 - when one dies
    ids = await put(database, brief, *[journal.payload] * ITEMS, max_attempts=ENOUGH_ATTEMPTS)
    url = database.options.url
    workers = [processes.worker("--concurrency", "4", url=url) for _ in range(2)]
    for kill in range(KILLS):
        await journal.until_begun((kill + 1) * ITEMS // (KILLS + 2) + dice.randrange(ITEMS // 20))
        victim = kill % 2  # the one that has worked longer: the other has hardly started
        await workers[victim].kill()
        workers[victim] = processes.worker("--concurrency", "4", url=url)
    await until_counted(database, {"completed": ITEMS}, seconds=30)
    rows = await rows_of(database, brief, ids)

    assert {row["leaf"] for row in rows} == {"queue_items_finished"}
    begun = Counter(line[0] for line in journal.begun())
    assert set(begun) == set(ids)
    assert sum(begun.values()) > ITEMS, "nobody was killed in the middle of anything"
    for row in rows:
        assert row["attempts"] == row["claims"] == row["result"]["attempt"]
        assert all(error["error"].startswith("the lease ran out") for error in row["errors"])


async def test_a_stopped_worker_is_not_believed(
    database: Database, brief: Tenant, processes: Processes, journal: Journal
) -> None:
    """A worker that was stopped beyond its lease is refused when it goes on: the other's result stays; it lives on."""
    (item_id,) = await put(database, brief, journal.payload, task="blocking")
    stale = processes.worker(url=database.options.url)
    await journal.until_begun(1)
    stale.send(signal.SIGSTOP)
    second = processes.worker(url=database.options.url)
    before = await finished(database, brief, item_id, seconds=15)
    second.send(signal.SIGTERM)
    await second.ended()
    journal.gate.touch()
    stale.send(signal.SIGCONT)
    (after,) = await put(database, brief, journal.payload)
    lived = await finished(database, brief, after)

    assert before["result"] == {"processId": second.pid, "attempt": 2}
    assert (await rows_of(database, brief, [item_id])) == [before]
    assert lived["result"] == {"processId": stale.pid, "attempt": 1}
    refused = [line for line in stale.log() if line["event"] == "outcome_refused"]
    assert [(line["code"], line["item_id"]) for line in refused] == [("LEASE_LOST", item_id)]


async def test_a_poison_item_ends(database: Database, brief: Tenant, processes: Processes, journal: Journal) -> None:
    """An item that kills every worker that touches it has failed after its attempts; the others are completed."""
    (poison,) = await put(database, brief, journal.payload, task="poison", max_attempts=3)
    # What a worker holds when it is killed is charged an attempt too, so the others get more than the poison can take.
    others = await put(database, brief, *[journal.payload] * 30, max_attempts=ENOUGH_ATTEMPTS)
    running = processes.worker(url=database.options.url)

    async def ended() -> bool:
        nonlocal running
        if not running.is_running:
            assert running.command.returncode == 1
            running = processes.worker(url=database.options.url)
        return await count_by_status(database) == {"completed": 30, "failed": 1}

    await until(ended, what="everything is finished", seconds=40)
    row = await reaching(database, brief, poison, "failed")

    assert (row["attempts"], row["claims"]) == (3, 3)
    assert [line[2] for line in journal.begun() if line[0] == poison] == [1, 2, 3]
    assert row["error_message"].startswith("the lease ran out: worker ")
    assert {row["status"] for row in await rows_of(database, brief, others)} == {"completed"}
