"""Report: outcomes in batches, one transaction a verb and batch; whatever comes in while one is under way is the next.

An outcome stays here until the database has answered: while the database is away it waits, its lease being kept or
running out, and then it is accepted or refused by the fence. A refused outcome has changed nothing; its item ends if it
is being cancelled, otherwise the lease is lost, which is logged.
Each verb has a transaction of its own, because only so can none of them deadlock (`engine/__init__.py`).

Outcomes of all organizations go together, and would all wait for the rows of one that somebody holds locked (a purge of
a million items, a forgotten transaction). A batch waits a moment only; then each organization of it is reported alone,
and the outcomes of one that has to wait even so are set aside, and reported alone until there are none left.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import groupby, islice
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
from fairlead.errors import Busy, Locked
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop
from fairlead.worker.held import HeldItems
from fairlead.worker.outcome import Completed, Confirmed, Failed, Outcome, Released, Snoozed, Stopped

BATCH: Final = 500
LINGER_SECONDS: Final = 0.003  # how long a batch that is not full waits for company
_AGAIN_SECONDS: Final = 0.1  # between tries for those that are set aside
_SCOPE: Final = system("report outcomes of every organization")
_log = structlog.get_logger(__name__)

Verb: TypeAlias = Callable[[Session, Sequence[Any]], Awaitable[set[str]]]


class Reporter:
    """Takes outcomes from the runners and hands them to the engine.

    `aside` are the organizations whose rows somebody holds locked, with their outcomes.
    """

    def __init__(
        self, database: Database, held: HeldItems, *, on_reported: Callable[[Sequence[Outcome]], None]
    ) -> None:
        self.aside: dict[str, deque[Outcome]] = {}
        self._loops = (Loop("report", self._turn), Loop("report_aside", self._aside_turn))
        self._database = database.impatient()
        self._held = held
        self._on_reported = on_reported
        self._outcomes: dict[type[Outcome], deque[Outcome]] = {kind: deque() for kind in VERBS}
        self._ready = 0  # not set aside
        self._count = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def start(self) -> None:
        """Begin to report."""
        for loop in self._loops:
            loop.start()

    async def stop(self) -> None:
        """Stop after the reports under way; safe to call twice."""
        await asyncio.gather(*(loop.stop() for loop in self._loops))

    def add(self, outcome: Outcome) -> None:
        """Take an outcome; it will be reported soon."""
        self._count += 1
        self._empty.clear()
        if (aside := self.aside.get(outcome.held.claimed.organization_id)) is not None:
            aside.append(outcome)
            return
        self._outcomes[type(outcome)].append(outcome)
        self._ready += 1
        if self._ready == 1 or self._ready >= BATCH:
            self._loops[0].wake()

    async def drained(self) -> None:
        """Wait until every outcome taken so far has been answered."""
        await self._empty.wait()

    async def _turn(self) -> float:
        if 0 < self._ready < BATCH:
            await asyncio.sleep(LINGER_SECONDS)
        for kind, waiting in self._outcomes.items():
            if waiting:
                batch = [waiting[index] for index in range(min(BATCH, len(waiting)))]
                try:
                    await self._report(kind, batch)
                except Locked:
                    await self._part(kind, waiting, len(batch))
                else:
                    self._ready -= _take_out(waiting, batch)
                    self._answered(batch)
        return 0 if self._ready else ASLEEP_SECONDS

    async def _part(self, kind: type[Outcome], waiting: deque[Outcome], count: int) -> None:
        """Report the first `count` outcomes that wait, an organization at a time; set aside what has to wait longer."""
        parts: defaultdict[str, list[Outcome]] = defaultdict(list)
        for outcome in islice(waiting, count):
            parts[outcome.held.claimed.organization_id].append(outcome)
        if len(parts) == 1:
            self._set_aside(*parts)
            return
        for organization_id, part in parts.items():
            try:
                await self._report(kind, part)
            except Locked:
                self._set_aside(organization_id)
            else:
                self._ready -= _take_out(waiting, part)
                self._answered(part)

    def _set_aside(self, organization_id: str) -> None:
        _log.warning("rows_locked", organization_id=organization_id)
        aside = self.aside.setdefault(organization_id, deque())
        for waiting in self._outcomes.values():
            own = [outcome for outcome in waiting if outcome.held.claimed.organization_id == organization_id]
            self._ready -= _take_out(waiting, own)
            aside.extend(own)
        self._loops[1].wake()

    async def _aside_turn(self) -> float:
        for organization_id, waiting in list(self.aside.items()):
            with suppress(Busy):  # locked still, or too busy: it is tried again soon
                while waiting:
                    kind, alike = next(groupby(waiting, key=type))
                    batch = list(islice(alike, BATCH))
                    await self._report(kind, batch)
                    _take_out(waiting, batch)
                    self._answered(batch)
                del self.aside[organization_id]
                _log.info("rows_free", organization_id=organization_id)
                self._on_reported(())
        return _AGAIN_SECONDS if self.aside else ASLEEP_SECONDS

    def _answered(self, batch: Sequence[Outcome]) -> None:
        """Let go of what the database has answered."""
        for outcome in batch:
            self._held.drop(outcome.held)
        self._count -= len(batch)
        self._on_reported(batch)
        if not self._count:
            self._empty.set()

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
        with suppress(Busy):  # somebody holds slots, perhaps of others: the next reconciliation gives these back
            async with session.savepoint():
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


def _take_out(waiting: deque[Outcome], done: Sequence[Outcome]) -> int:
    """Remove outcomes that wait, mostly the first of them, and return how many; what came meanwhile stays."""
    left = set(map(id, done))
    while waiting and id(waiting[0]) in left:
        left.remove(id(waiting.popleft()))
    if left:
        others = [outcome for outcome in waiting if id(outcome) not in left]
        waiting.clear()
        waiting.extend(others)
    return len(done)
