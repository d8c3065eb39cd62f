"""Known queues: what this worker may claim from next, and whose turn it is.

Kept in memory, so that the database is not asked before each claim which queues have something: a wake-up names its
queue, and a queue that gives all that was asked for has more. One that gives less is dropped, until a wake-up, the
scout or a report of its own items brings it back.

Whose turn it is: organizations are served in the order of their virtual time, which moves on by what an organization
was given, divided by its weight ("stride scheduling", Waldspurger and Weihl, 1995). Whoever was idle begins at the
present virtual time, so that nobody saves up turns. What is not taken costs nothing and goes to the others in the next
turn, at once: while anything is ready nobody idles. Inside an organization its queues have their turns in a ring.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final

from fairlead.engine.claim import WHOLE, ClaimedItem, Source
from fairlead.queries.ready_sources import ReadyQueue
from fairlead.worker.marks import Marks, Sweeps

PORTIONS: Final = 40  # into which the room of a claim is divided: no more queues than that are asked at once
SWEEP_SECONDS: Final = 3.0  # a queue that gives all that is asked for is swept as often as that
RULES_SECONDS: Final = 2.0  # how old a queue's rules may become before they are read again
RATE_SLICES: Final = 19  # of a rate's period, as the engine counts it: nothing comes free any sooner
FORGOTTEN_SECONDS: Final = 60.0


@dataclass(slots=True, eq=False)
class Known:
    """One queue."""

    queue: ReadyQueue
    read: float  # when its rules were read
    marks: Marks = field(default_factory=Marks)
    active: bool = False
    dry: bool = False  # it gave less than asked for above its marks: only a sweep may find more
    swept: float = 0.0
    gave: float = 0.0  # when it last gave anything
    news: int = 0  # how often it was heard of: what was said during a claim must outlive that claim


@dataclass(slots=True, eq=False)
class Organization:
    """One organization: how far its virtual time has come, and its active queues in the order of their turns."""

    weight: int = 1
    time: float = 0.0
    ring: deque[Known] = field(default_factory=deque)


@dataclass(slots=True)
class Asked:
    """What one claim asks of one queue."""

    known: Known
    take: int
    sweeping: bool
    news: int

    @property
    def source(self) -> Source:
        """The same for the engine."""
        queue = self.known.queue
        walks = WHOLE if self.sweeping else self.known.marks.walks()
        return Source(queue.organization_id, queue.queue_id, self.take, walks=walks, limited=queue.limited)


class KnownQueues:
    """The queues that were seen lately; the active ones are asked."""

    def __init__(self) -> None:
        self.sweeps = Sweeps()
        self.stale: set[str] = set()  # queues whose rules are to be read (again)
        self._queues: dict[str, Known] = {}
        self._organizations: dict[str, Organization] = {}
        self._active: dict[str, Organization] = {}
        self._later: list[tuple[float, str]] = []  # a heap: queues to ask again, whose rate allows nothing now
        self._time = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to ask."""
        return not self._active

    def next_chance(self, now: float) -> float | None:
        """Return in how many seconds something may be asked that must not be now; None when only news can tell."""
        chances = [self._later[0][0]] if self._later else []
        if self._active and self.sweeps.next > now:
            chances.append(self.sweeps.next)
        return max(0.0, min(chances) - now) if chances else None

    @property
    def is_alone(self) -> bool:
        """Whether no more than one organization was seen lately."""
        return len(self._organizations) <= 1

    @property
    def is_crowded(self) -> bool:
        """Whether so many organizations have something that none of them gets more than a portion of a claim."""
        return len(self._active) >= PORTIONS

    def announce(self, queue_id: str, *, now: float) -> bool:
        """Hear that a queue may have something; tell whether it is known, else its rules have to be read first."""
        known = self._queues.get(queue_id)
        if known is None or now - known.read > RULES_SECONDS:
            self.stale.add(queue_id)
        if known is None:
            return False
        self._activate(known)
        return True

    def learn(self, queues: Iterable[ReadyQueue], *, now: float) -> None:
        """Take in queues that have something, with their rules as just read."""
        for queue in queues:
            known = self._queues.get(queue.queue_id)
            if known is None:
                known = self._queues[queue.queue_id] = Known(queue, now)
            known.queue, known.read = queue, now
            self._organization(known).weight = queue.weight
            self._activate(known)

    def forget(self, queue_ids: Iterable[str]) -> None:
        """Let go of queues that are gone or not this worker's."""
        for queue_id in queue_ids:
            if known := self._queues.pop(queue_id, None):
                self._rest(known)

    def forget_unused(self, *, now: float) -> None:
        """Let go of what has been of no use for a while."""
        self.forget(
            [key for key, known in self._queues.items() if not known.active and now - known.read > FORGOTTEN_SECONDS]
        )
        used = {known.queue.organization_id for known in self._queues.values()}
        self._organizations = {key: value for key, value in self._organizations.items() if key in used}

    def share(self, room: int, *, now: float, among: Callable[[str], bool] | None = None) -> list[Asked]:
        """Share `room` items out; `among` says of an organization whether it takes part."""
        while self._later and self._later[0][0] <= now:
            if known := self._queues.get(heappop(self._later)[1]):
                self._activate(known)
        portion = max(1, room // PORTIONS)
        line = [(own.time, key) for key, own in self._active.items() if among is None or among(key)]
        heapify(line)
        asked: dict[str, Asked] = {}
        while line and room > 0:
            self._time, key = line[0]
            own = self._active[key]
            next_one = self._next(own, now)
            if next_one is None:
                heappop(line)
                continue
            take = min(portion, room)
            room -= take
            own.time = self._time + take / own.weight
            heapreplace(line, (own.time, key))
            queue_id = next_one.queue.queue_id
            if queue_id in asked:
                asked[queue_id].take += take
            else:
                asked[queue_id] = Asked(next_one, take, self._sweeps(next_one, now), next_one.news)
        return list(asked.values())

    def settle(self, asked: Sequence[Asked], items: Sequence[ClaimedItem], *, began: float, ended: float) -> None:
        """Take in what a claim gave."""
        given = dict.fromkeys((one.known.queue.queue_id for one in asked), 0)
        marks = {one.known.queue.queue_id: one.known.marks for one in asked}
        for item in items:
            given[item.queue_id] += 1
            marks[item.queue_id].note(item)
        for one in asked:
            if one.sweeping:
                one.known.swept = ended
            if given[one.known.queue.queue_id]:
                one.known.gave = ended
            if (missing := one.take - given[one.known.queue.queue_id]) > 0:
                self._came_short(one, missing, ended)
        tell = self.sweeps.swept if any(one.sweeping for one in asked) else self.sweeps.claimed
        tell(began, ended)

    def _came_short(self, one: Asked, missing: int, now: float) -> None:
        known = one.known
        self._organization(known).time -= missing / known.queue.weight
        if known.news != one.news:
            known.swept = 0.0
            return
        known.dry = True
        if one.sweeping:
            self._rest(known)
            period = known.queue.rate_period_seconds
            if period is not None and now - known.gave <= period:
                heappush(self._later, (now + period / RATE_SLICES, known.queue.queue_id))

    def _next(self, own: Organization, now: float) -> Known | None:
        """Return the queue of an organization whose turn it is, and put it behind the others."""
        for _ in range(len(own.ring)):
            known = own.ring[0]
            own.ring.rotate(-1)
            if now - known.read > RULES_SECONDS:
                self.stale.add(known.queue.queue_id)
            if not known.dry or now >= self.sweeps.next:
                return known
        return None

    def _sweeps(self, known: Known, now: float) -> bool:
        return now >= self.sweeps.next and (known.dry or now - known.swept >= SWEEP_SECONDS)

    def _activate(self, known: Known) -> None:
        known.news += 1
        if known.active and not known.dry:
            return  # it gives all that is asked for; what lies below its mark waits for its next sweep
        known.dry, known.swept = False, 0.0
        if known.active:
            return
        known.active = True
        own = self._organization(known)
        if not own.ring:
            own.time = max(own.time, self._time)
            self._active[known.queue.organization_id] = own
        own.ring.append(known)

    def _rest(self, known: Known) -> None:
        if not known.active:
            return
        known.active = False
        own = self._organization(known)
        own.ring.remove(known)
        if not own.ring:
            del self._active[known.queue.organization_id]

    def _organization(self, known: Known) -> Organization:
        return self._organizations.setdefault(known.queue.organization_id, Organization(known.queue.weight))
