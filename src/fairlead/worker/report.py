"""Report: outcomes in batches, one transaction a verb and batch; whatever comes in while one is under way is the next.

An outcome stays here until the database has answered: while the database is away it waits, its lease being kept or
running out, and then it is accepted or refused by the fence. A refused outcome has changed nothing; its item ends if it
is being cancelled, otherwise the lease is lost, which is logged.
Each verb has a transaction of its own, because only so can none of them deadlock (`engine/__init__.py`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

import structlog

from fairlead.db.apart import Apart
from fairlead.db.session import Database, Session
from fairlead.db.tenancy import system
from fairlead.engine.complete import complete, completed_before
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.fail import Failure, fail
from fairlead.engine.reconcile import correct_slots
from fairlead.engine.release import release
from fairlead.engine.snooze import Snooze, snooze
from fairlead.runtime.loop import Loop
from fairlead.worker.held import HeldItems
from fairlead.worker.outcome import Completed, Confirmed, Failed, Outcome, Released, Snoozed, Stopped

BATCH: Final = 500
LINGER_SECONDS: Final = 0.003  # how long a batch that is not full waits for company
_SCOPE: Final = system("report outcomes of every organization")
_log = structlog.get_logger(__name__)

Verb: TypeAlias = Callable[[Session, Sequence[Any]], Awaitable[set[str]]]


class Reporter:
    """Takes outcomes from the runners and hands them to the engine."""

    def __init__(
        self, database: Database, held: HeldItems, *, on_reported: Callable[[Sequence[Outcome]], None]
    ) -> None:
        self.loop = Loop("report", self._turn)
        self._database = database
        self._held = held
        self._on_reported = on_reported
        self._outcomes: dict[type[Outcome], deque[Outcome]] = {kind: deque() for kind in VERBS}
        self._count = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def add(self, outcome: Outcome) -> None:
        """Take an outcome; it will be reported soon."""
        self._outcomes[type(outcome)].append(outcome)
        self._count += 1
        if self._count == 1 or self._count >= BATCH:
            self._empty.clear()
            self.loop.wake()

    async def drained(self) -> None:
        """Wait until every outcome taken so far has been answered."""
        await self._empty.wait()

    async def _turn(self) -> float:
        if 0 < self._count < BATCH:
            await asyncio.sleep(LINGER_SECONDS)
        for kind, waiting in self._outcomes.items():
            if waiting:
                batch = [waiting[index] for index in range(min(BATCH, len(waiting)))]
                await self._report(kind, batch)
                for outcome in batch:
                    waiting.popleft()
                    self._held.drop(outcome.held)
                self._count -= len(batch)
                self._on_reported(batch)
        if not self._count:
            self._empty.set()
        return 0 if self._count else 60

    async def _report(self, kind: type[Outcome], batch: Sequence[Outcome]) -> None:
        if kind is Completed:  # the one verb that can be asked again, whatever of it was kept
            accepted = await VERBS[kind](Apart(self._database, _SCOPE), batch)
        else:
            async with self._database.unit_of_work(_SCOPE) as session:
                accepted = await VERBS[kind](session, batch)
        if len(accepted) == len(batch):
            return
        for outcome in batch:
            if outcome.held.claimed.id not in accepted:
                self._refused(outcome)

    def _refused(self, outcome: Outcome) -> None:
        if isinstance(outcome, Confirmed):
            self.add(outcome.otherwise)
        elif not isinstance(outcome, Stopped):
            self.add(Stopped(outcome.held, instead_of=type(outcome).__name__.lower()))
        elif outcome.instead_of is not None:
            _log.warning(
                "outcome_refused",
                code="LEASE_LOST",
                item_id=outcome.held.claimed.id,
                queue=outcome.held.queue.name,
                outcome=outcome.instead_of,
            )


async def report(session: Session, outcome: Outcome) -> bool:
    """Report one outcome in a transaction of the caller's; tell whether it was accepted, or its item cancelled."""
    if isinstance(outcome, Confirmed) and not await _confirm(session, [outcome]):
        outcome = outcome.otherwise
    return bool(await VERBS[type(outcome)](session, [outcome]) or await _end(session, [Stopped(outcome.held)]))


async def _confirm(session: Session, batch: Sequence[Confirmed]) -> set[str]:
    """Ask which were completed, and give back the slots that the handlers' transactions kept."""
    accepted = set(await completed_before(session, _SCOPE, leases=[one.held.claimed for one in batch]))
    if any(one.held.claimed.counted and one.held.claimed.id in accepted for one in batch):
        await correct_slots(session, _SCOPE)
    return accepted


async def _complete(session: Session, batch: Sequence[Completed]) -> set[str]:
    return await complete(session, _SCOPE, completions=batch)


async def _fail(session: Session, batch: Sequence[Failed]) -> set[str]:
    failures = [Failure(one.held.claimed, one.error, one.delay_seconds, one.give_up) for one in batch]
    return set(await fail(session, _SCOPE, failures=failures))


async def _snooze(session: Session, batch: Sequence[Snoozed]) -> set[str]:
    return await snooze(session, _SCOPE, snoozes=[Snooze(one.held.claimed, one.delay_seconds) for one in batch])


async def _release(session: Session, batch: Sequence[Released]) -> set[str]:
    return await release(session, _SCOPE, leases=[one.held.claimed for one in batch])


async def _end(session: Session, batch: Sequence[Stopped]) -> set[str]:
    return await end_cancelled(session, _SCOPE, leases=[one.held.claimed for one in batch])


VERBS: Final[dict[type[Outcome], Verb]] = {
    Confirmed: _confirm,  # before what it turns into
    Completed: _complete,
    Failed: _fail,
    Snoozed: _snooze,
    Released: _release,
    Stopped: _end,  # after what it may stand for
}
