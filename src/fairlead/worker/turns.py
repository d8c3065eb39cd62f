"""Turns: lets the next item of an ordering key come forward as soon as the one before it is reported.

Any number of processes do this at once (`engine/advance.py`); maintenance does it too, for what nobody reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fairlead.db.session import Database
from fairlead.db.tenancy import system
from fairlead.engine.advance import advance
from fairlead.errors import Conflict
from fairlead.runtime.loop import Loop
from fairlead.worker.outcome import Outcome

BATCH: Final = 500
_IDLE_SECONDS: Final = 3600.0
_SCOPE: Final = system("advance ordering keys of every organization")


class Turns:
    """Reads the notes that reported items left; `ready` is called with each queue that has something then."""

    def __init__(self, database: Database, *, ready: Callable[[str], None]) -> None:
        self.loop = Loop("turns", self._turn)
        self._database = database
        self._ready = ready
        self._wanted = False

    def reported(self, outcomes: Iterable[Outcome]) -> None:
        """Hear what was reported."""
        if any(outcome.held.claimed.ordering_key is not None for outcome in outcomes):
            self._wanted = True
            self.loop.wake()

    async def _turn(self) -> float:
        if not self._wanted:
            return _IDLE_SECONDS
        self._wanted = False
        try:
            async with self._database.unit_of_work(_SCOPE) as session:
                read, queues = await advance(session, _SCOPE, most=BATCH)
        except Conflict:  # somebody else advances the same key
            read, queues = BATCH, set[str]()
        for queue_id in queues:
            self._ready(queue_id)
        self._wanted = self._wanted or read == BATCH
        return 0 if self._wanted else _IDLE_SECONDS
