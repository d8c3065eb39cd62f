"""Lookout: a look a second or so tells the loops of maintenance whether they have anything to do; so they may sleep.

A look is one cheap statement (`queries/due_work.py`), and all that an idle process costs. When an item for later is due
sooner than in a second, the next look is at that time. A wake-up is a reason to look at once where ordering keys are in
use, for an item that was enqueued behind one may be waiting for its turn.

Looks start at the marks that the last one left. One without marks comes as often as it may take a fiftieth of the time:
with every look as a rule, seldom while dead entries that cannot be vacuumed make it dear.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Final

from fairlead.db.session import Looks
from fairlead.db.tenancy import system
from fairlead.queries.due_work import FROM_THE_START, DueWork, find_due_work
from fairlead.runtime.loop import Loop, rest

LOOK_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 1.8  # between two looks where no ordering keys are in use
GAP_SECONDS: Final = 0.1  # between two looks, at least
HEARD_GAP_SECONDS: Final = 0.02  # the same when a wake-up is the reason
ORDERED_SECONDS: Final = 60.0  # for so long after a note was found, ordering keys are in use
SHARE: Final = 0.05  # of the time, at most, goes into looks
WHOLE_SHARE: Final = 0.02  # and into those without marks
LONGEST_GAP_SECONDS: Final = 5.0  # between two looks, however long one took
LONGEST_WHOLE_SECONDS: Final = 30.0  # between two without marks
_SCOPE: Final = system("look for work that is due in every organization")


class Lookout:
    """Takes looks and wakes loops; `marks` are where their statements may start, too."""

    def __init__(self, looks: Looks) -> None:
        self.loop = Loop("lookout", self._turn)
        self.marks = FROM_THE_START
        self._looks = looks
        self._loops: Mapping[str, Loop] = {}
        self._duties: Mapping[str, Loop] = {}
        self._not_before = 0.0  # monotonic seconds, as all that follow
        self._whole_from = 0.0
        self._ordered_until = 0.0
        self._folded: int | None = None  # the newest row of the counters that was there when they were last folded

    def serve(self, *, loops: Mapping[str, Loop], duties: Mapping[str, Loop]) -> None:
        """Wake these from now on: `promoter`, `rescuer` and `advancer` of the loops, and duties by their names."""
        self._loops, self._duties = loops, duties

    def hear(self, _queue_id: str) -> None:
        """Hear that a queue may have something."""
        if (now := time.monotonic()) < self._ordered_until:
            self._not_before = min(self._not_before, now + HEARD_GAP_SECONDS)
            self.loop.wake()

    async def _turn(self) -> float:
        began = time.monotonic()
        if began < self._not_before:
            return self._not_before - began
        whole = began >= self._whole_from
        marks = FROM_THE_START if whole else self.marks
        due = await find_due_work(self._looks.alone(_SCOPE), _SCOPE, marks=marks)
        ended = time.monotonic()
        if whole:
            self._whole_from = ended + rest(ended - began, share=WHOLE_SHARE, longest=LONGEST_WHOLE_SECONDS)
        self.marks = due.marks(marks)
        self._tell(due, now=ended)
        gap = max(GAP_SECONDS, rest(ended - began, share=SHARE, longest=LONGEST_GAP_SECONDS))
        self._not_before = ended + gap
        return max(gap, _wait(due, LOOK_SECONDS if ended < self._ordered_until else IDLE_SECONDS))

    def _tell(self, due: DueWork, *, now: float) -> None:
        if (seconds := due.scheduled_in_seconds) is not None and seconds <= 0:
            self._loops["promoter"].wake()
        if due.lease is not None:
            self._loops["rescuer"].wake()
        if due.turn is not None:
            self._ordered_until = now + ORDERED_SECONDS
            self._loops["advancer"].wake()
        for name in self._duties.keys() - due.taken:
            if name == "fold":
                if due.counter == self._folded:
                    continue
                self._folded = due.counter
            self._duties[name].wake()


def _wait(due: DueWork, longest: float) -> float:
    """Return the seconds until the next look, jittered so that the looks of a fleet are spread."""
    wait = longest * random.uniform(0.9, 1)  # noqa: S311 - jitter, not a secret
    seconds = due.scheduled_in_seconds
    return min(wait, seconds) if seconds is not None and seconds > 0 else wait
