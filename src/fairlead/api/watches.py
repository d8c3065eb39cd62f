"""What changes in the queues of organizations that somebody listens to: looked up once a second, for all listeners.

A listener keeps which queues it has not told its client about, never what they were: a client that reads slowly is told
less often and costs no more. Where a listener stands is a place: a position in the database's history, and which queues
there were; the place that a client saw last is where the next listener goes on, in whatever process.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from fairlead.db.session import Database
from fairlead.db.tenancy import TenantScope
from fairlead.errors import TooManyStreams
from fairlead.queries.queue_states import QueueState, QueueStates, get_queue_states
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop

LOOK_SECONDS: Final = 1.0
MOST_LISTENERS: Final = 50  # of one organization in one process
_PLACE: Final = re.compile(r"([0-9]{1,18})-([0-9a-f]{16})")  # more digits could be more than a bigint holds
_NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class News:
    """What a client has to be told to know how things are: `begins` with forgetting all that it knew."""

    begins: bool
    changed: tuple[QueueState, ...]
    removed: tuple[str, ...]
    place: str


@dataclass(eq=False)
class Listener:
    """One client of one organization; `queue_ids` None: it may see every queue."""

    watch: _Watch
    queue_ids: frozenset[str] | None
    heard: asyncio.Event = field(default_factory=asyncio.Event)  # set when there is news
    _begins: bool = True
    _untold: set[str] = field(default_factory=set)

    def note(self, queue_ids: Collection[str]) -> None:
        """Remember queues that may have changed."""
        if seen := self._seen(queue_ids):
            self._untold |= seen
            self.heard.set()

    def resume(self, place: str, states: QueueStates) -> None:
        """Go on where a client had been told of everything, if what has changed since can be told, else begin."""
        known = _PLACE.fullmatch(place)
        self._begins = not (known and states.reaches_back and known[2] == _set_of(self._seen(states.queues)))
        self.note(states.queues if self._begins else states.changed)
        self.heard.set()

    def restrict(self, queue_ids: frozenset[str] | None) -> None:
        """Let the client see these queues from now on; does nothing when it does."""
        if queue_ids != self.queue_ids:
            self.queue_ids = queue_ids
            self._begins = True
            self.note(self.watch.states.queues)
            self.heard.set()

    def news(self) -> News:
        """Return what the client was not told yet, which counts as told from now on."""
        self.heard.clear()
        untold, self._untold = sorted(self._seen(self._untold)), set()
        begins, self._begins = self._begins, False
        queues = self.watch.states.queues
        removed = () if begins else tuple(queue_id for queue_id in untold if queue_id not in queues)
        place = f"{self.watch.states.position}-{_set_of(self._seen(queues))}"
        return News(begins, tuple(queues[queue_id] for queue_id in untold if queue_id in queues), removed, place)

    def _seen(self, queue_ids: Collection[str]) -> frozenset[str]:
        return frozenset(queue_ids) if self.queue_ids is None else self.queue_ids.intersection(queue_ids)


class _Watch:
    """One organization that somebody listens to."""

    def __init__(self, scope: TenantScope) -> None:
        self.scope = scope
        self.listeners: set[Listener] = set()
        self.states = QueueStates(0, {}, _NOBODY, reaches_back=False)
        self._turn = asyncio.Lock()

    async def look(
        self, database: Database, *, since: int | None = None, newcomer: Listener | None = None
    ) -> QueueStates:
        """Look how things are, and tell every listener what is other than before; a newcomer is one from then on."""
        async with self._turn:
            async with database.unit_of_work(self.scope) as session:
                states = await get_queue_states(session, self.scope, since=since)
            before, self.states = self.states.queues, states
            changed = {id_ for id_ in before.keys() | states.queues.keys() if before.get(id_) != states.queues.get(id_)}
            for listener in self.listeners - {newcomer}:
                listener.note(changed)
        return states


class Watches:
    """The organizations that somebody listens to in this process, and the loop that looks after them."""

    def __init__(
        self, database: Database, *, look_seconds: float = LOOK_SECONDS, most_listeners: int = MOST_LISTENERS
    ) -> None:
        self.look_seconds = look_seconds
        self.stopping = asyncio.Event()  # ends every stream
        self._loop = Loop("watches", self._look)
        self._database = database
        self._most_listeners = most_listeners
        self._watches: dict[str, _Watch] = {}

    async def listen(self, scope: TenantScope, *, queue_ids: frozenset[str] | None, place: str) -> Listener:
        """Add a listener, to `leave` later, that goes on at a place, "" for none; raises TooManyStreams."""
        watch = self._watches.setdefault(scope.organization_id, _Watch(scope))
        if len(watch.listeners) >= self._most_listeners:
            raise TooManyStreams(retry_after_seconds=5)
        listener = Listener(watch, queue_ids)
        watch.listeners.add(listener)
        known = _PLACE.fullmatch(place)
        try:
            since = int(known[1]) if known else None
            listener.resume(place, await watch.look(self._database, since=since, newcomer=listener))
        except BaseException:
            self.leave(listener)
            raise
        self._loop.start()
        self._loop.wake()
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener, and its organization when nobody listens to it any more."""
        watch = listener.watch
        watch.listeners.discard(listener)
        if not watch.listeners and self._watches.get(watch.scope.organization_id) is watch:
            del self._watches[watch.scope.organization_id]

    async def close(self) -> None:
        """End every stream; safe to call twice."""
        self.stopping.set()
        await self._loop.stop()

    async def _look(self) -> float:
        """Look at each organization that somebody listens to."""
        for watch in list(self._watches.values()):
            await watch.look(self._database)
        return self.look_seconds if self._watches else ASLEEP_SECONDS


def _set_of(queue_ids: Collection[str]) -> str:
    return hashlib.sha256("\n".join(sorted(queue_ids)).encode()).hexdigest()[:16]
