"""Marks: how far this worker has come in a queue's order, so that a claim need not pass what is dead at its head.

Vacuum removes what was claimed only when no transaction is old enough to see it, and until then every walk from the
head passes it again. A claim therefore starts above the highest `seq` claimed of each priority. What appears below (an
item whose transaction took long to commit, one that was given back) only a walk from the head finds: a sweep.

When to sweep: at once, as long as that is quick, which it is unless there are many dead; else no more than a small
share of the time (`Sweeps`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fairlead.domain.limits import PRIORITY
from fairlead.engine.claim import WHOLE, ClaimedItem, Walk
from fairlead.runtime.loop import rest

PRIORITIES_KEPT: Final = 8
SHARE: Final = 0.02  # of the time, at most, goes into what sweeps take longer than other claims
LONGEST_SECONDS: Final = 15.0  # between two sweeps, however long one took
QUICK_SECONDS: Final = 0.02  # a claim that takes no longer has not passed many that are dead


class Marks:
    """The highest `seq` claimed of one queue, by priority; of many priorities those that were claimed last."""

    __slots__ = ("_above", "_walks")

    def __init__(self) -> None:
        self._above: dict[int, int] = {}
        self._walks: tuple[Walk, ...] | None = WHOLE

    def note(self, item: ClaimedItem) -> None:
        """Remember that an item was claimed."""
        above = self._above.get(item.priority)
        if above is None:
            self._above[item.priority] = item.seq
            if len(self._above) > PRIORITIES_KEPT:
                del self._above[next(iter(self._above))]
            self._walks = None
        elif item.seq > above:
            self._above[item.priority] = item.seq
            self._walks = None

    def walks(self) -> Sequence[Walk]:
        """Return the whole order but for what lies at or below a mark."""
        if self._walks is None:
            self._walks = tuple(self._between())
        return self._walks

    def _between(self) -> list[Walk]:
        walks, highest = [], PRIORITY
        for priority in sorted(self._above, reverse=True):
            if priority < highest:
                walks.append(Walk(highest, priority + 1))
            walks.append(Walk(priority, priority, self._above[priority]))
            highest = priority - 1
        if highest >= -PRIORITY:
            walks.append(Walk(highest, -PRIORITY))
        return walks


class Sweeps:
    """When the next sweep may be, by how long claims take that sweep and those that do not. Times are monotonic."""

    def __init__(self) -> None:
        self.next = 0.0
        self._usual = 0.0

    def claimed(self, began: float, ended: float) -> None:
        """Hear how long a claim took that did not sweep."""
        self._usual += (ended - began - self._usual) / 8

    def swept(self, began: float, ended: float) -> None:
        """Hear how long one took that did."""
        quick = max(QUICK_SECONDS, 2 * self._usual)
        longer = max(0.0, ended - began - quick)
        self.next = ended + rest(longer, share=SHARE, longest=LONGEST_SECONDS)
