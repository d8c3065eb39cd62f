"""Pace: how fast this worker works, and so how many items it may hold beside those that are being worked on.

About a second's worth, so that a worker of long handlers takes nothing that another one could begin now, and one of
quick handlers never waits for a claim.
"""

from __future__ import annotations

import time
from typing import Final

MOST_AHEAD: Final = 1500  # items claimed ahead
MOST_HELD: Final = 3000  # items in all: so many are worked and not confirmed only while the database is slow or away
AHEAD_SECONDS: Final = 1.0
_PACE_SECONDS: Final = 0.1


class Pace:
    """Counts finished items; the pace follows every tenth of a second."""

    def __init__(self) -> None:
        self._a_second = 0.0
        self._since = time.monotonic()
        self._count = 0
        self._ahead = 0

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
