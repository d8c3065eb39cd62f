"""The stage of one fault: its database, organizations, fleet, recorder and dice, and the way it ends.

After the fault's own part, the stage lets everything end that was enqueued, writes down what the database has seen,
stops the fleet and looks whether anything was left.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import psycopg

from chaos import witness
from chaos.aftermath import left_in
from chaos.canary import PREFIX, canary_of
from chaos.fleet import Fleet
from chaos.handlers import QUEUES
from chaos.history import Expected, write_expected
from chaos.recorder import Recorder
from chaos.server import ChaosServer, Injector
from chaos.waiting import until
from fairlead.db.connect import DatabaseOptions
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.db.tenancy import SystemScope, system
from fairlead.engine.promote import promote
from fairlead.engine.rescue import rescue
from fairlead.services.trials import Trial, make_trial

FLEET_SCOPE: Final[SystemScope] = system("chaos")
LEASE_SECONDS: Final = 2
_RULES: Final[dict[str, Any]] = {
    "max_concurrency": None,
    "max_attempts": 50,
    "lease_seconds": LEASE_SECONDS,
    "backoff_base_seconds": 0.1,
    "backoff_cap_seconds": 1,
}
_DRAIN_SECONDS: Final = 60.0
_QUIET_SECONDS: Final = 15.0
_LIVE: Final = "select count(*) from queue_items where status in ('waiting', 'processing')"


@dataclass
class Stage:
    """Everything a fault works with."""

    seconds: float
    seed: int
    dice: random.Random
    directory: Path
    server: ChaosServer
    url: str
    recorder: Recorder
    database: Database
    notifier: Notifier
    injector: Injector
    fleet: Fleet
    expected: Expected
    tenants: list[Trial] = field(default_factory=list)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    _background: list[asyncio.Task[Any]] = field(default_factory=list)

    async def make_tenants(self, count: int, rules: Mapping[str, dict[str, Any]] | None = None) -> list[Trial]:
        """Make organizations with queues for workers and one for hands; `rules` are further ones by queue."""
        made = []
        for number in range(count):
            queues = {name: {**_RULES, **(rules or {}).get(name, {})} for name in (*QUEUES, "hands")}
            made.append(await make_trial(self.database, FLEET_SCOPE, name=f"Chaos {number}", queues=queues))
        self.tenants += made
        return made

    def canary(self, tenant: Trial) -> str:
        """Return the word that all of an organization's payloads carry."""
        return canary_of(tenant.scope.organization_id, seed=self.seed)

    def expect(self, **changes: Any) -> None:
        """Let the checker expect something else than usual."""
        self.expected = replace(self.expected, **changes)

    def until_settled(self, work: Awaitable[Any]) -> None:
        """Run something beside the fault until everything has ended; it has to look at `settled`."""
        self._background.append(asyncio.ensure_future(work))

    async def lasting(self) -> AsyncIterator[float]:
        """Yield the seconds gone by, again and again, for as long as the fault is to last."""
        began = time.monotonic()
        while (gone := time.monotonic() - began) < self.seconds:
            yield gone

    async def finish(self) -> None:
        """Let everything end, write down what is known, stop, and look what is left."""
        await self._drained()
        self.settled.set()
        await asyncio.gather(*self._background)
        if await self.live_items():
            self.fleet.close()  # nothing may happen any more that the dump does not have
        await asyncio.to_thread(witness.dump, self.server.superuser_url(self.url), self.directory)
        await self.fleet.stop()
        await self.notifier.close()
        await self.database.close()
        await self._look()
        self._read_logs()
        self.recorder.close()
        write_expected(self.directory, self.expected)

    async def live_items(self) -> int:
        """Return how many items have not ended; a server that is away answers later."""
        try:
            return int(await asyncio.to_thread(self.injector.value, _LIVE))
        except psycopg.OperationalError:
            return -1

    async def rescue(self) -> set[str]:
        """Rescue in a transaction of its own, where no worker does it; return the ids."""
        async with self.database.unit_of_work(FLEET_SCOPE) as session:
            return {item.id for item in await rescue(session, FLEET_SCOPE, most=1000)}

    async def promote(self) -> None:
        """Make what is due ready, where no worker does it."""
        async with self.database.unit_of_work(FLEET_SCOPE) as session:
            await promote(session, FLEET_SCOPE, most=1000)

    async def _drained(self) -> None:
        async def ended() -> bool:
            self.fleet.replace_dead()
            return await self.live_items() == 0

        if self.expected.drained:
            try:
                await until(ended, what="every item has ended", seconds=_DRAIN_SECONDS)
            except TimeoutError:
                self.recorder.record("info", "not drained")

    async def _look(self) -> None:
        """Write down what is left once it is nothing, or after a while."""
        left: dict[str, int] = {}

        async def nothing_left() -> bool:
            left.update(await asyncio.to_thread(self._left))
            return not any(left.values())

        with suppress(TimeoutError):
            await until(nothing_left, what="nothing is left", seconds=_QUIET_SECONDS)
        self.recorder.record("info", "quiet", left=left)

    def _left(self) -> dict[str, int]:
        return {**left_in(self.injector), "processes": sum(worker.is_running for worker in self.fleet.workers)}

    def _read_logs(self) -> None:
        for log in self.directory.glob("worker-*.log"):
            said = log.read_text(errors="replace")
            if PREFIX in said:
                self.recorder.record("info", "leak", place=log.name)
            if errors := [line for line in said.splitlines() if '"level": "error"' in line]:
                self.recorder.record("info", "defect", place=log.name, count=len(errors), first=errors[0][:1000])


@asynccontextmanager
async def staged(server: ChaosServer, directory: Path, *, name: str, seed: int, seconds: float) -> AsyncIterator[Stage]:
    """Set a stage up, and clear it whatever happens."""
    with server.fresh_database(name) as url:
        superuser_url = server.superuser_url(url)
        await asyncio.to_thread(witness.install, superuser_url)
        injector, recorder = Injector(superuser_url), Recorder(directory, "injector")
        options = DatabaseOptions(url=url, application_name="chaos", pool_size=20)
        database, notifier = Database(options), Notifier(options)
        fleet = Fleet(url, directory, recorder)
        expected = Expected(seed=seed, offset_seconds=time.time() - time.monotonic())
        try:
            yield Stage(
                seconds, seed, random.Random(seed), directory, server, url,
                recorder, database, notifier, injector, fleet, expected,
            )  # fmt: skip
        finally:
            fleet.close()
            injector.close()
            await notifier.close()
            await database.close()
