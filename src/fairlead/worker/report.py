"""Report: outcomes in batches, one transaction a batch; whatever comes in while one is under way is the next.

An outcome stays here until the database has answered: while the database is away it waits, its lease being kept or
running out, and then it is accepted or refused by the fence. A refused outcome has changed nothing and is logged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import system
from fairlead.engine.complete import Completion, complete
from fairlead.engine.fail import Failure, fail
from fairlead.engine.release import release
from fairlead.runtime.loop import Loop
from fairlead.worker.held import HeldItems
from fairlead.worker.outcome import Completed, Failed, Outcome, Released

BATCH: Final = 500
LINGER_SECONDS: Final = 0.003  # how long a batch that is not full waits for company
_SCOPE: Final = system("report outcomes of every organization")
_log = structlog.get_logger(__name__)


class Reporter:
    """Takes outcomes from the runners and hands them to the engine."""

    def __init__(self, database: Database, held: HeldItems, *, on_reported: Callable[[int], None]) -> None:
        self.loop = Loop("report", self._turn)
        self._database = database
        self._held = held
        self._on_reported = on_reported
        self._outcomes: deque[Outcome] = deque()
        self._empty = asyncio.Event()
        self._empty.set()

    def add(self, outcome: Outcome) -> None:
        """Take an outcome; it will be reported soon."""
        self._outcomes.append(outcome)
        if len(self._outcomes) == 1 or len(self._outcomes) >= BATCH:
            self._empty.clear()
            self.loop.wake()

    async def drained(self) -> None:
        """Wait until every outcome taken so far has been answered."""
        await self._empty.wait()

    async def _turn(self) -> float:
        if self._outcomes:
            if len(self._outcomes) < BATCH:
                await asyncio.sleep(LINGER_SECONDS)
            batch = [self._outcomes[index] for index in range(min(BATCH, len(self._outcomes)))]
            await self._report(batch)
            for outcome in batch:
                self._outcomes.popleft()
                self._held.drop(outcome.held)
            self._on_reported(len(batch))
        if not self._outcomes:
            self._empty.set()
        return 0 if self._outcomes else 60

    async def _report(self, batch: list[Outcome]) -> None:
        async with self._database.unit_of_work(_SCOPE) as session:
            accepted = await run_verbs(session, batch)
        for outcome in batch:
            if outcome.held.claimed.id not in accepted:
                _log.warning(
                    "outcome_refused",
                    code="LEASE_LOST",
                    item_id=outcome.held.claimed.id,
                    queue=outcome.held.queue.name,
                    outcome=type(outcome).__name__.lower(),
                )


async def run_verbs(session: Session, batch: list[Outcome]) -> set[str]:
    """Run complete, fail and release, each over the outcomes that ask for it; return the ids accepted."""
    accepted: set[str] = set()
    if completions := [Completion(o.held.claimed, o.result) for o in batch if isinstance(o, Completed)]:
        accepted |= await complete(session, _SCOPE, completions=completions)
    if failures := [_failure(o) for o in batch if isinstance(o, Failed)]:
        accepted |= (await fail(session, _SCOPE, failures=failures)).keys()
    if leases := [o.held.claimed for o in batch if isinstance(o, Released)]:
        accepted |= await release(session, _SCOPE, leases=leases)
    return accepted


def _failure(outcome: Failed) -> Failure:
    return Failure(outcome.held.claimed, outcome.error, outcome.delay_seconds, outcome.give_up)
