"""Rescuer: takes items back from leases that ran out, as soon as the lookout sees one."""

from __future__ import annotations

from typing import Final

import structlog

from fairlead.bootstrap import Resources
from fairlead.db.tenancy import system
from fairlead.engine.rescue import rescue
from fairlead.maintenance.lookout import Lookout
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop

BATCH: Final = 500
_SCOPE: Final = system("rescue items of every organization")
_log = structlog.get_logger(__name__)


def rescuer(resources: Resources, lookout: Lookout) -> Loop:
    """Return the loop that rescues; a full batch is followed by another at once."""

    async def turn() -> float:
        since = lookout.marks.leases
        rescued = await rescue(resources.database.alone(_SCOPE), _SCOPE, most=BATCH, since=since)
        for queue_id in {item.queue_id for item in rescued}:
            resources.notifier.announce(queue_id)
        for item in rescued:
            _log.warning("item_rescued", item_id=item.id, queue_id=item.queue_id, status=item.status.value)
        return 0 if len(rescued) == BATCH else ASLEEP_SECONDS

    return Loop("rescuer", turn)
