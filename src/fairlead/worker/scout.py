"""Scout: finds out which queues have something, beside the claims and without holding them up.

Wake-ups tell most of it; the scout reads the rules of the queues that they name. The look at the claim's index is the
truth that finds the rest: what was enqueued without a wake-up, what a lost one told of, what a limit held back. It is
taken at once when the worker has nothing to ask any more and the walk has been of use so far; it takes a small share of
the time while there is enough to do; and when whole walks find nothing, it waits as long as it is willing to poll.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from fairlead.db.session import Looks
from fairlead.db.tenancy import system
from fairlead.domain.ids import new_id
from fairlead.queries.ready_sources import Turn, find_sources, ready_sources
from fairlead.runtime.loop import Loop, rest
from fairlead.worker.known import KnownQueues

ORGANIZATIONS_A_TURN: Final = 20
QUEUES_AN_ORGANIZATION: Final = 10
SHARE: Final = 0.05  # of the time, at most, goes into looks while there is something to do
LEAST_SECONDS: Final = 0.05  # between two looks then
LONGEST_SECONDS: Final = 5.0  # between two looks, however long one took
RULES_A_TURN: Final = 500
_SCOPE: Final = system("look for ready queues of every organization")


class Scout:
    """Keeps `known` filled; `found` is called when there may be something to claim."""

    def __init__(
        self,
        looks: Looks,
        known: KnownQueues,
        *,
        names: Sequence[str],
        poll_seconds: float,
        found: Callable[[], None],
    ) -> None:
        self.loop = Loop("scout", self._turn)
        self._looks = looks
        self._known = known
        self._names = names
        self._poll_seconds = poll_seconds
        self._found = found
        self._after = ""
        self._next = 0.0  # monotonic seconds of the next look, unless
        self._hurried = False  # somebody wants one at once, perhaps while one is under way that began too early
        self._promising = True  # whether the last look found something, or had not come to the end
        self._fruitful = True  # whether anything was claimed since the walk began
        self._fruitless_walks = 0
        self._listening = False

    def announce(self, queue_id: str) -> None:
        """Hear of a queue that may have something."""
        if not self._known.announce(queue_id, now=time.monotonic()):
            self.loop.wake()
        else:
            self._found()

    def listening(self, heard: bool) -> None:
        """Hear that wake-ups come, perhaps after some were missed, or that none come."""
        self._listening = heard
        self._hurried = True
        self.loop.wake()

    def claimed(self, count: int) -> None:
        """Hear how many items a claim gave, and look at once when nothing is left to ask and more may be there.

        That is when the last look found something that was of use: what came since then comes with wake-ups.
        """
        self._fruitful = self._fruitful or count > 0
        if self._known.is_idle and self._fruitful and self._promising:
            self._hurried = True
        if self._known.stale or self._hurried:
            self.loop.wake()

    async def _turn(self) -> float:
        if self._known.stale:
            await self._read_rules()
        now = time.monotonic()
        if now < self._next and not self._hurried:
            return self._next - now
        self._hurried = False
        try:
            turn = await self._look()
        except BaseException:
            self._hurried = True  # the next turn is not over before a look was taken
            raise
        ended = time.monotonic()
        self._promising = bool(turn.queues or turn.next_after)
        self._known.learn(turn.queues, now=ended)
        if turn.queues:
            self._found()
        self._next = ended + self._wait(turn, took=ended - now)
        return 0 if self._hurried else self._next - ended

    async def _read_rules(self) -> None:
        wanted = list(islice(self._known.stale, RULES_A_TURN))
        queues = await find_sources(self._looks.alone(_SCOPE), _SCOPE, names=self._names, queue_ids=wanted)
        self._known.stale.difference_update(wanted)
        self._known.forget(set(wanted) - {queue.queue_id for queue in queues})
        self._known.learn(queues, now=time.monotonic())
        if queues:
            self._found()

    async def _look(self) -> Turn:
        return await ready_sources(
            self._looks.alone(_SCOPE),
            _SCOPE,
            names=self._names,
            after=self._after,
            pivot=new_id(),
            organizations=ORGANIZATIONS_A_TURN,
            queues=QUEUES_AN_ORGANIZATION,
        )

    def _wait(self, turn: Turn, *, took: float) -> float:
        """Move the cursor on and return the seconds until the next look."""
        came_round, self._after = not turn.next_after, turn.next_after
        gap = rest(took, share=SHARE, longest=LONGEST_SECONDS)
        if came_round:
            self._known.forget_unused(now=time.monotonic())
            fruitful, self._fruitful = self._fruitful, False
            self._fruitless_walks = 0 if fruitful else self._fruitless_walks + 1
            if not fruitful:
                return max(self._idle_seconds(), gap)
        elif self._known.is_idle:
            return 0
        return max(LEAST_SECONDS, gap)

    def _idle_seconds(self) -> float:
        """Return how long to wait after a walk that was of no use: longer and longer while wake-ups come, jittered."""
        doubled = self._listening and self._fruitless_walks > _PATIENT_AFTER
        return self._poll_seconds * (2 if doubled else 1) * random.uniform(0.75, 1)  # noqa: S311 - jitter, no secret


_PATIENT_AFTER: Final = 3  # fruitless walks
