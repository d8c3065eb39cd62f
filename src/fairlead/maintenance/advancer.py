"""Advancer: lets the next items of ordering keys come forward, as soon as the lookout sees a note.

What a worker reports it advances by itself (`worker/turns.py`); this is for what nobody reported: what was enqueued,
cancelled, deleted or rescued, and what a worker left that was killed.
"""

from __future__ import annotations

from typing import Final

from fairlead.bootstrap import Resources
from fairlead.db.tenancy import system
from fairlead.engine.advance import advance
from fairlead.errors import Conflict
from fairlead.maintenance.lookout import Lookout
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop

BATCH: Final = 500
_SCOPE: Final = system("advance ordering keys of every organization")


def advancer(resources: Resources, lookout: Lookout) -> Loop:
    """Return the loop that advances; a full batch is followed by another at once."""

    async def turn() -> float:
        session = resources.database.alone(_SCOPE)
        try:
            read, queues = await advance(session, _SCOPE, most=BATCH, after=lookout.marks.turns)
        except Conflict:  # somebody else advances the same key; what is left then the next look sees
            return ASLEEP_SECONDS
        for queue_id in queues:
            resources.notifier.announce(queue_id)
        return 0 if read == BATCH else ASLEEP_SECONDS

    return Loop("advancer", turn)
