"""Fetch: keeps the runners supplied, fairly between organizations, never with more than about a second's worth.

A turn shares what there is room for among the queues that are known to have something (`worker/known.py`) and claims
it. A few more than that may be held for organizations of which nothing is waiting here, and they are claimed on a
connection of their own while a large claim is under way: so an item of a quiet organization is taken at once, however
busy and full the worker is. In a crowd, where most have nothing waiting here and a claim of many queues takes longer,
that connection makes claims like the others instead. Nothing is claimed after `close`.

An organization whose rows somebody holds locked is left out of the others' claims, lest they wait with it: while its
outcomes are set aside (`worker/report.py`), and while its slots are locked, after which it is tried alone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Final

import structlog

from fairlead.db.apart import Apart
from fairlead.db.session import Database, Looks
from fairlead.db.tenancy import system
from fairlead.engine.claim import ClaimedItem, Source, claim
from fairlead.errors import Locked, TemporaryError
from fairlead.runtime.loop import Loop
from fairlead.worker.buffer import Buffer
from fairlead.worker.held import Held, HeldItems
from fairlead.worker.known import Asked, KnownQueues
from fairlead.worker.outcome import Completed, Outcome
from fairlead.worker.pace import MOST_A_CLAIM, MOST_HELD, Pace
from fairlead.worker.scout import Scout

_LEAST_SECONDS: Final = 0.01  # between two turns of which the first found nothing to ask
_AGAIN_SECONDS: Final = 0.5  # between tries for those whose slots somebody holds
_IDLE_SECONDS: Final = 60.0  # whoever has something to tell wakes the loop
MOST_A_CLAIM_AMONG_FEW: Final = 200  # the large claim of one organization keeps the others waiting
RESERVE: Final = 10  # items of organizations of which nothing waits here, held beyond what is held otherwise
_SCOPE: Final = system("claim items of every organization")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """What a worker claims, and how it looks for it."""

    worker_id: str
    queues: Sequence[str]
    concurrency: int
    poll_seconds: float = 1.0  # between looks when nothing is ready and no wake-up comes; jittered


class Fetcher:
    """Claims items, puts them into the buffer, and tells `supplied` how many."""

    def __init__(
        self,
        database: Database,
        held: HeldItems,
        buffer: Buffer,
        *,
        looks: Looks,
        options: FetchOptions,
        supplied: Callable[[int], None],
        aside: Mapping[str, Sized],
    ) -> None:
        self.loop = Loop("fetch", self._turn)
        self.known = KnownQueues()
        self.scout = Scout(looks, self.known, names=options.queues, poll_seconds=options.poll_seconds, found=self._wake)
        self.express = Loop("express", self._express_turn)
        self.locked = Loop("fetch_locked", self._locked_turn)
        self._locked: dict[str, float] = {}  # organizations whose slots somebody holds, and when they last did
        self._aside = aside
        self._database = database.impatient()
        self._held = held
        self._buffer = buffer
        self._options = options
        self._supplied = supplied
        self._pace = Pace()
        self._working = 0
        self._claiming = False
        self._coming = 0  # items asked for, at most
        self._closed = False

    def close(self) -> None:
        """Claim nothing any more."""
        self._closed = True

    def begun(self) -> None:
        """Hear that a runner has taken an item, and refill when few are left."""
        self._working += 1
        if len(self._buffer) <= self._pace.ahead() // 2:
            self.loop.wake()

    def ended(self) -> None:
        """Hear that a runner is free again."""
        self._working -= 1
        if not self._buffer:
            self.loop.wake()

    def reported(self, outcomes: Sequence[Outcome]) -> None:
        """Hear what was reported: a queue that gets items or slots back may have something again."""
        self._pace.finished(len(outcomes))
        for queue_id in _coming_back(outcomes):
            self.scout.announce(queue_id)
        self.loop.wake()

    def _room(self) -> int:
        """Return how many items to claim now: nothing until half of those held ahead have been taken."""
        ahead = self._pace.ahead()
        waiting = len(self._buffer) + self._coming
        free = max(0, self._options.concurrency - self._working)
        if self._closed or (waiting > ahead // 2 and waiting >= free):
            return 0
        wanted = min(free + ahead - waiting, self._most_a_claim())
        room = min(wanted, MOST_HELD - self._lively() - self._coming)
        return room if room >= wanted // 2 or waiting < free else 0  # more will be reported soon

    def _most_a_claim(self) -> int:
        if self.known.is_alone:
            return self._pace.most_a_claim()
        return MOST_A_CLAIM if self.known.is_crowded else MOST_A_CLAIM_AMONG_FEW

    def _lively(self) -> int:
        """Return how many items are held whose outcomes are not stuck."""
        return len(self._held) - sum(map(len, self._aside.values()))

    def _wake(self) -> None:
        """Claim soon; while a claim is under way, for those who have nothing waiting here."""
        self.loop.wake()
        if self._claiming:
            self.express.wake()

    async def _turn(self) -> float:
        now = time.monotonic()
        asked = self._asked(now)
        if not asked:
            return self._pause(now)
        self._claiming = True
        if self.known.is_crowded:
            self.express.wake()
        try:
            await self._fetch(asked, now)
        finally:
            self._claiming = False
        return 0

    async def _express_turn(self) -> float:
        now = time.monotonic()
        if not self._claiming:
            return _IDLE_SECONDS
        asked = self._asked(now) if self.known.is_crowded else self._reserved(now)
        if asked:
            await self._fetch(asked, now)
        return 0 if asked and self.known.is_crowded else _IDLE_SECONDS

    async def _fetch(self, asked: Sequence[Asked], now: float) -> None:
        coming = sum(one.take for one in asked)
        self._coming += coming
        try:
            items = await self._claim([one.source for one in asked])
        finally:
            self._coming -= coming
        ended = time.monotonic()
        self.known.settle(asked, items, began=now, ended=ended)
        if not any(one.sweeping for one in asked):
            self._pace.claimed(len(items), ended - now)
        queues = {one.known.queue.queue_id: one.known.queue for one in asked}
        for item in items:
            held = Held(item, queues[item.queue_id], now)
            self._held.add(held)
            self._buffer.put(held)
        self._supplied(len(items))
        self.scout.claimed(len(items))

    async def _claim(self, sources: Sequence[Source]) -> list[ClaimedItem]:
        """Claim; where limits may be in one transaction, lest what a first statement gave goes with a second one."""
        worker_id = self._options.worker_id
        if not any(source.limited for source in sources):
            return await claim(Apart(self._database, _SCOPE), _SCOPE, sources=sources, worker_id=worker_id)
        try:
            async with self._database.unit_of_work(_SCOPE) as session:
                return await claim(session, _SCOPE, sources=sources, worker_id=worker_id)
        except Locked:
            return await self._claim_apart(sources)

    async def _claim_apart(self, sources: Sequence[Source]) -> list[ClaimedItem]:
        """Claim from each organization alone; those that have to wait even so are left to `_locked_turn`."""
        parts: defaultdict[str, list[Source]] = defaultdict(list)
        for source in sources:
            parts[source.organization_id].append(source)
        items: list[ClaimedItem] = []
        for organization_id, part in parts.items():
            if len(parts) > 1:
                try:
                    items += await self._claim(part)
                except TemporaryError:
                    if not items:
                        raise
                    break  # what the others gave is kept
                continue
            if organization_id not in self._locked:
                _log.warning("slots_locked", organization_id=organization_id)
                self.locked.wake()
            self._locked[organization_id] = time.monotonic()
        return items

    async def _locked_turn(self) -> float:
        """Try those whose slots were locked, each alone."""
        for organization_id, refused in list(self._locked.items()):
            now = time.monotonic()
            if asked := self.known.share(RESERVE, now=now, among=organization_id.__eq__):
                await self._fetch(asked, now)
                if self._locked[organization_id] == refused:  # and not again
                    del self._locked[organization_id]
                    self.loop.wake()
        return _AGAIN_SECONDS if self._locked else _IDLE_SECONDS

    def _is_free(self, organization_id: str) -> bool:
        return organization_id not in self._aside and organization_id not in self._locked

    def _asked(self, now: float) -> list[Asked]:
        if (room := self._room()) > 0:
            return self.known.share(room, now=now, among=self._is_free if self._aside or self._locked else None)
        return self._reserved(now)

    def _reserved(self, now: float) -> list[Asked]:
        """Ask, within the reserve, those of whom nothing waits here."""
        ahead = self._pace.ahead()
        over = self._working + len(self._buffer) - self._options.concurrency - ahead
        reserve = min(RESERVE, ahead) - max(over, 0)  # none for a worker so slow that the item would only lie here
        reserve = min(reserve, MOST_HELD + RESERVE - self._lively())
        if self._closed or reserve <= 0 or self.known.is_alone or self.known.is_crowded:
            return []  # of a crowd most have nothing waiting here, and get their turn
        return self.known.share(reserve, now=now, among=self._lacks)

    def _lacks(self, organization_id: str) -> bool:
        return self._is_free(organization_id) and not self._buffer.holds(organization_id)

    def _pause(self, now: float) -> float:
        """Return how long to wait when there is nobody to ask, or no room."""
        chance = self.known.next_chance(now)
        return _IDLE_SECONDS if chance is None else max(chance, _LEAST_SECONDS)


def _coming_back(outcomes: Iterable[Outcome]) -> set[str]:
    return {
        outcome.held.claimed.queue_id
        for outcome in outcomes
        if outcome.held.claimed.counted or not isinstance(outcome, Completed)
    }
