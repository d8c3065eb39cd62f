"""Promoter: makes items ready that have become due, twice a second."""

from __future__ import annotations

from typing import Final

from fairlead.bootstrap import Resources
from fairlead.db.tenancy import system
from fairlead.engine.promote import promote
from fairlead.runtime.loop import Loop

BATCH: Final = 1000
INTERVAL_SECONDS: Final = 0.5
_SCOPE: Final = system("promote due items of every organization")


def promoter(resources: Resources) -> Loop:
    """Return the loop that promotes; a full batch is followed by another at once."""

    async def turn() -> float:
        async with resources.database.unit_of_work(_SCOPE) as session:
            queues = await promote(session, _SCOPE, most=BATCH)
        for queue_id in set(queues):
            resources.notifier.announce(queue_id)
        return 0 if len(queues) == BATCH else INTERVAL_SECONDS

    return Loop("promoter", turn)
