"""Fetch: keeps the runners supplied, fairly between organizations, never with more than fits into a second.

A turn asks which queues are ready (the next organizations behind a cursor kept here), shares what it has room for
equally among the organizations and then among their queues, and claims. What one organization does not need the next
turn gives to the others, so the fleet never idles while anything is ready. Nothing is claimed after `close`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import system
from fairlead.domain.ids import new_id
from fairlead.engine.claim import ClaimedItem, Source, claim
from fairlead.queries.ready_sources import ReadyQueue, Turn, ready_sources
from fairlead.runtime.loop import Loop
from fairlead.worker.held import Held, HeldItems

ORGANIZATIONS_A_TURN: Final = 20
QUEUES_AN_ORGANIZATION: Final = 10
MOST_HELD: Final = 1500
_PACE_SECONDS: Final = 0.1
_SCOPE: Final = system("claim items of every organization")


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """What a worker claims, and how it looks for it."""

    worker_id: str
    queues: Sequence[str]
    concurrency: int
    poll_seconds: float = 1.0  # between looks when nothing is ready and no wake-up comes; jittered


class Fetcher:
    """Claims items and hands each to `start`."""

    def __init__(
        self, database: Database, held: HeldItems, *, options: FetchOptions, start: Callable[[Held], None]
    ) -> None:
        self.loop = Loop("fetch", self._turn)
        self._database = database
        self._held = held
        self._options = options
        self._start = start
        self._after = ""
        self._pace = Pace(options.concurrency)
        self._closed = False

    def close(self) -> None:
        """Claim nothing any more."""
        self._closed = True

    def reported(self, count: int) -> None:
        """Hear that so many items are done, and refill when there is room."""
        self._pace.finished(count)
        if self._room() > 0:
            self.loop.wake()

    def _room(self) -> int:
        """Return how many items to claim now: nothing until half of what may be held has been worked off."""
        most = self._pace.most_held()
        return 0 if self._closed or len(self._held) > most // 2 else most - len(self._held)

    async def _turn(self) -> float:
        room = self._room()
        if room <= 0:
            return self._options.poll_seconds
        began, wrapped = time.monotonic(), self._after == ""
        async with self._database.unit_of_work(_SCOPE) as session:
            turn = await self._look(session)
            claimed = await self._claim(session, turn.queues, room)
        self._after = turn.next_after
        for queue, item in claimed:
            held = Held(item, queue, queue.lease_seconds, began + queue.lease_seconds)
            self._held.add(held)
            self._start(held)
        if claimed or not (wrapped and turn.next_after == ""):
            return 0
        return self._options.poll_seconds * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret

    async def _look(self, session: Session) -> Turn:
        return await ready_sources(
            session,
            _SCOPE,
            names=self._options.queues,
            after=self._after,
            pivot=new_id(),
            organizations=ORGANIZATIONS_A_TURN,
            queues=QUEUES_AN_ORGANIZATION,
        )

    async def _claim(
        self, session: Session, queues: Sequence[ReadyQueue], room: int
    ) -> list[tuple[ReadyQueue, ClaimedItem]]:
        by_id = {queue.queue_id: queue for queue in queues}
        claimed: list[tuple[ReadyQueue, ClaimedItem]] = []
        ordered = sorted(shares(queues, room), key=lambda share: by_id[share.queue_id].lease_seconds)
        for lease_seconds, sources in groupby(ordered, key=lambda share: by_id[share.queue_id].lease_seconds):
            items = await claim(
                session,
                _SCOPE,
                sources=list(sources),
                worker_id=self._options.worker_id,
                lease_seconds=lease_seconds,
            )
            claimed += [(by_id[item.queue_id], item) for item in items]
        return claimed


class Pace:
    """How fast this worker works, and so how much it may hold: about a second's worth, never under its concurrency."""

    def __init__(self, concurrency: int) -> None:
        self._least = concurrency
        self._a_second = float(concurrency)
        self._since = time.monotonic()
        self._count = 0

    def finished(self, count: int) -> None:
        """Count finished items; the pace follows every tenth of a second."""
        self._count += count
        elapsed = time.monotonic() - self._since
        if elapsed >= _PACE_SECONDS:
            self._a_second = (self._a_second + self._count / elapsed) / 2
            self._since, self._count = time.monotonic(), 0

    def most_held(self) -> int:
        """Return how many items may be held at once."""
        return min(MOST_HELD, max(2 * self._least, int(self._a_second)))


def shares(queues: Sequence[ReadyQueue], room: int) -> list[Source]:
    """Share `room` items equally among organizations, then among each one's queues; at least one a queue asked."""
    organizations = {key: list(group) for key, group in groupby(queues, key=lambda queue: queue.organization_id)}
    wanted: list[Source] = []
    for position, (organization_id, own) in enumerate(organizations.items()):
        share = _part(room, len(organizations), position)
        wanted += [
            Source(organization_id, queue.queue_id, take)
            for index, queue in enumerate(own)
            if (take := _part(share, len(own), index))
        ]
    return wanted


def _part(total: int, parts: int, index: int) -> int:
    """Return part number `index` of `total` split into `parts` as equally as whole numbers allow."""
    return total // parts + (1 if index < total % parts else 0)
