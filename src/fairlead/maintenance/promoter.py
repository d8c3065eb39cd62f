"""Promoter: makes items ready that have become due, as soon as the lookout sees one."""

from __future__ import annotations

from typing import Final

from fairlead.bootstrap import Resources
from fairlead.db.tenancy import system
from fairlead.engine.promote import promote
from fairlead.maintenance.lookout import Lookout
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop

BATCH: Final = 1000
_SCOPE: Final = system("promote due items of every organization")


def promoter(resources: Resources, lookout: Lookout) -> Loop:
    """Return the loop that promotes; a full batch is followed by another at once, and the last by a new look."""

    async def turn() -> float:
        since = lookout.marks.scheduled
        queues = await promote(resources.database.alone(_SCOPE), _SCOPE, most=BATCH, since=since)
        for queue_id in set(queues):
            resources.notifier.announce(queue_id)
        if len(queues) == BATCH:
            return 0
        if queues:
            lookout.loop.wake()  # the next may be due in a moment
        return ASLEEP_SECONDS

    return Loop("promoter", turn)
