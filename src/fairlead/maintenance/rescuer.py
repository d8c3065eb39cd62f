"""Rescuer: takes items back from leases that ran out, once a second."""

from __future__ import annotations

from typing import Final

import structlog

from fairlead.bootstrap import Resources
from fairlead.db.tenancy import system
from fairlead.engine.rescue import rescue
from fairlead.runtime.loop import Loop

BATCH: Final = 500
INTERVAL_SECONDS: Final = 1.0
_SCOPE: Final = system("rescue items of every organization")
_log = structlog.get_logger(__name__)


def rescuer(resources: Resources) -> Loop:
    """Return the loop that rescues; a full batch is followed by another at once."""

    async def turn() -> float:
        async with resources.database.unit_of_work(_SCOPE) as session:
            rescued = await rescue(session, _SCOPE, most=BATCH)
        for queue_id in {item.queue_id for item in rescued}:
            resources.notifier.announce(queue_id)
        for item in rescued:
            _log.warning("item_rescued", item_id=item.id, queue_id=item.queue_id, status=item.status.value)
        return 0 if len(rescued) == BATCH else INTERVAL_SECONDS

    return Loop("rescuer", turn)
