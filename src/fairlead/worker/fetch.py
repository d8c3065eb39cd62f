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
        self._fruitful = False  # whether the present walk has claimed anything
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
        began = time.monotonic()
        async with self._database.unit_of_work(_SCOPE) as session:
            turn = await self._look(session)
            claimed = await self._claim(session, turn.queues, room)
        for queue, item in claimed:
            held = Held(item, queue, queue.lease_seconds, began + queue.lease_seconds)
            self._held.add(held)
            self._start(held)
        if self._goes_on(turn.next_after, fruitful=bool(claimed)):
            return 0
        return self._options.poll_seconds * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret

    def _goes_on(self, next_after: str, *, fruitful: bool) -> bool:
        """Move the cursor on; tell whether to look on at once, which is until a whole walk has found nothing."""
        came_round = next_after <= self._after
        self._after = next_after
        self._fruitful = self._fruitful or fruitful
        if not came_round:
            return True
        goes_on, self._fruitful = self._fruitful, False
        return goes_on

    async def _look(self, session: Session) -> Turn:
        turn = await self._sources(session, self._after)
        if turn.next_after or not self._after:
            return turn
        return joined(turn, await self._sources(session, ""), after=self._after)

    async def _sources(self, session: Session, after: str) -> Turn:
        return await ready_sources(
            session,
            _SCOPE,
            names=self._options.queues,
            after=after,
            pivot=new_id(),
            organizations=ORGANIZATIONS_A_TURN,
            queues=QUEUES_AN_ORGANIZATION,
        )

    async def _claim(
        self, session: Session, queues: Sequence[ReadyQueue], room: int
    ) -> list[tuple[ReadyQueue, ClaimedItem]]:
        by_id = {queue.queue_id: queue for queue in queues}
        claimed: list[tuple[ReadyQueue, ClaimedItem]] = []
        shift = random.randrange(1_000_000)  # noqa: S311 - who gets what does not divide evenly, not a secret
        ordered = sorted(shares(queues, room, shift=shift), key=lambda share: by_id[share.queue_id].lease_seconds)
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


def joined(end: Turn, start: Turn, *, after: str) -> Turn:
    """Fill the last step of a walk, which began behind `after`, up with the organizations that a walk starts with.

    Without it the few organizations of a last step would have a whole turn to themselves.
    """
    room = ORGANIZATIONS_A_TURN - len({queue.organization_id for queue in end.queues})
    first = sorted({queue.organization_id for queue in start.queues if queue.organization_id <= after})[:room]
    queues = tuple(queue for queue in start.queues if queue.organization_id in first)
    return Turn(end.queues + queues, first[-1] if first else "")


def shares(queues: Sequence[ReadyQueue], room: int, *, shift: int = 0) -> list[Source]:
    """Share `room` items equally among organizations, then among each one's queues.

    `shift` says who gets what is left over, which is everything when there are more organizations than room: a
    caller that changes it at random treats all alike in the long run.
    """
    organizations = {key: list(group) for key, group in groupby(queues, key=lambda queue: queue.organization_id)}
    wanted: list[Source] = []
    for position, (organization_id, own) in enumerate(organizations.items()):
        share = _part(room, len(organizations), position + shift)
        wanted += [
            Source(organization_id, queue.queue_id, take)
            for index, queue in enumerate(own)
            if (take := _part(share, len(own), index + shift // len(organizations)))
        ]
    return wanted


def _part(total: int, parts: int, index: int) -> int:
    """Return part number `index`, counted round, of `total` split into `parts` as equally as whole numbers allow."""
    return total // parts + (1 if index % parts < total % parts else 0)
