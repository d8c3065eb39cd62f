"""Pace: how fast this worker works, and so how many items it may hold and claim at once.

It holds about a second's worth beside what is being worked on, so that a worker of long handlers takes nothing that
another one could begin now, and one of quick handlers never waits for a claim. A claim is as large as the database
answers in about a fiftieth of a second: a slow or busy one is asked for less, and answers as soon.
"""

from __future__ import annotations

import time
from typing import Final

MOST_AHEAD: Final = 1500  # items claimed ahead
MOST_HELD: Final = 3000  # items in all: so many are worked and not confirmed only while the database is slow or away
AHEAD_SECONDS: Final = 1.0
MOST_A_CLAIM: Final = 500
LEAST_A_CLAIM: Final = 200  # however slow the database is
CLAIM_SECONDS: Final = 0.02  # that a large claim takes, on the average
_LARGE: Final = 100  # items, from which on a claim tells what an item costs
_PACE_SECONDS: Final = 0.1


class Pace:
    """Counts finished items; the pace follows every tenth of a second. What an item costs follows every large claim."""

    def __init__(self) -> None:
        self._a_second = 0.0
        self._since = time.monotonic()
        self._count = 0
        self._ahead = 0
        self._item_seconds = CLAIM_SECONDS / MOST_A_CLAIM

    def finished(self, count: int) -> None:
        """Hear that so many items are done."""
        self._count += count
        elapsed = time.monotonic() - self._since
        if elapsed >= _PACE_SECONDS:
            self._a_second = (self._a_second + self._count / elapsed) / 2
            self._since, self._count = time.monotonic(), 0
            self._ahead = min(MOST_AHEAD, int(self._a_second * AHEAD_SECONDS))

    def ahead(self) -> int:
        """Return how many items to hold that nobody works on yet."""
        return self._ahead

    def claimed(self, count: int, seconds: float) -> None:
        """Hear how long a claim took that did not have to look behind the dead."""
        if count >= _LARGE:
            self._item_seconds += (seconds / count - self._item_seconds) / 8

    def most_a_claim(self) -> int:
        """Return how many items a claim asks for, at most."""
        return max(LEAST_A_CLAIM, min(MOST_A_CLAIM, round(CLAIM_SECONDS / self._item_seconds)))
