from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio.to_thread
import httpx
import pytest
from tests.fixtures.organizations import make_tenant
from tests.fixtures.processes import Process, Processes, elapsed
from tests.fixtures.waiting import until
from tests.fixtures.workers import count_by_status, put
from tests.journeys.conftest import Journal

from fairlead.db import migrate
from fairlead.db.connect import DatabaseOptions
from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer
from fairlead.db.session import Database
from fairlead.errors import FairleadError

pytestmark = pytest.mark.anyio

AWAY_SECONDS = 3.0
ENDS = 2  # of the wake-ups


class OwnServer:
    """A PostgreSQL of this test's own, that can be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self._options = EmbeddedOptions(data_dir=directory)
        self._claims = [EmbeddedServer.open(self._options)]
        self._directory = directory
        self.url = self._claims[0].url

    def kill(self) -> None:
        """Kill the postmaster with SIGKILL; its children notice and end."""
        (pid_file,) = self._directory.rglob("postmaster.pid")
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)

    def stop(self) -> None:
        """Stop it in order."""
        while self._claims:
            self._claims.pop().close()

    async def start(self) -> None:
        """Start it again; it recovers."""
        self._claims.append(await anyio.to_thread.run_sync(EmbeddedServer.open, self._options))


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    """A migrated server of this module's own, in a directory with a short name."""
    directory = Path(tempfile.mkdtemp(prefix="fl-"))
    server = OwnServer(directory)
    migrate.migrate(server.url)
    yield server
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
async def own_database(own_server: OwnServer) -> AsyncIterator[Database]:
    """The own server's database, emptied."""
    opened = Database(DatabaseOptions(url=own_server.url, application_name="tests"))
    yield opened
    await opened.close()


async def _completed(database: Database, count: int) -> None:
    async def counted() -> bool:
        try:
            return (await count_by_status(database)).get("completed") == count
        except FairleadError:
            return False

    await until(counted, what=f"{count} items are completed", seconds=30)


async def _quiet_while_away(process: Process) -> None:
    """Fail unless a process, its database away, uses next to no processor time."""
    await elapsed(0.5)
    before = process.cpu_seconds()
    await elapsed(AWAY_SECONDS)

    assert process.is_running
    assert process.cpu_seconds() - before < 0.1 * AWAY_SECONDS


async def test_a_worker_outlasts_its_database(
    own_server: OwnServer, own_database: Database, processes: Processes, journal: Journal
) -> None:
    """While its database is killed and away a worker waits, almost silent and idle, and then goes on by itself."""
    owner = await make_tenant(own_database, lease_seconds=1, backoff_base_seconds=0.01)
    await put(own_database, owner, *[journal.payload] * 4, task="gated", max_attempts=50)
    worker = processes.worker("--concurrency", "4", url=own_server.url)
    await journal.until_begun(4)
    await put(own_database, owner, *[journal.payload] * 100, max_attempts=50)
    own_server.kill()
    journal.gate.touch()
    await worker.until_said("loop_interrupted")
    await _quiet_while_away(worker)
    away = worker.log()
    await own_server.start()
    await _completed(own_database, 104)

    told = Counter((line["event"], line.get("loop")) for line in away)
    interrupted = {loop: count for (event, loop), count in told.items() if event == "loop_interrupted"}
    resumed = {loop: count for (event, loop), count in told.items() if event == "loop_resumed"}
    assert all(count <= 1 + resumed.get(loop, 0) for loop, count in interrupted.items())  # a dying server answers some
    assert len(away) <= sum(interrupted.values()) + sum(resumed.values()) + ENDS + 1 + 4
    assert "Traceback" not in worker.said()
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0


async def test_a_server_outlasts_its_database(own_server: OwnServer, processes: Processes) -> None:
    """While its database is away the API is alive and not ready, and it is ready again by itself."""
    server = processes.start("serve", "--port", "0", url=own_server.url)
    await server.until_said("Serving on ")
    address = server.said().partition("Serving on ")[2].split()[0]
    async with httpx.AsyncClient(base_url=address, timeout=10) as client:
        lives: set[int] = set()

        async def ready(expected: int) -> None:
            async def answered() -> bool:
                lives.add((await client.get("/live")).status_code)
                return (await client.get("/ready")).status_code == expected

            await until(answered, what=f"/ready answers {expected}", seconds=15)

        await ready(200)
        own_server.kill()
        await ready(503)
        await _quiet_while_away(server)
        await own_server.start()
        await ready(200)

    assert lives == {200}
    assert "Traceback" not in server.said()
    server.send(signal.SIGTERM)
    assert await server.ended() == 0


@pytest.mark.parametrize(
    ("arguments", "started"),
    [
        (["worker", "tests.journeys.handlers:app"], "worker_started"),
        (["serve", "--port", "0"], "Serving on "),
    ],
    ids=["worker", "serve"],
)
async def test_a_start_waits_for_the_database(
    own_server: OwnServer, processes: Processes, arguments: list[str], started: str
) -> None:
    """Started before its database, a process says once what it waits for, and starts as soon as it is there."""
    own_server.stop()
    process = processes.start(*arguments, url=own_server.url)
    await process.until_said("database_awaited")
    await _quiet_while_away(process)
    assert [line["event"] for line in process.log()] == ["database_awaited"]
    await own_server.start()
    await process.until_said(started)
    process.send(signal.SIGTERM)

    assert await process.ended() == 0
    assert "database_reached" in process.said()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_waiting_for_the_database_can_be_stopped(processes: Processes, number: signal.Signals) -> None:
    """A process that still waits for its database ends at once when it is told to."""
    worker = processes.worker(url="postgresql://nobody@127.0.0.1:1/none")
    await worker.until_said("database_awaited")
    worker.send(number)

    assert await worker.ended(seconds=3) == 0
    assert "Traceback" not in worker.said()
