"""Rescuer: takes items back from leases that ran out, as soon as the lookout sees one.

Where somebody holds an organization's slots, its items have to wait, and all others are taken back without them.
"""

from __future__ import annotations

from typing import Final

import structlog

from fairlead.bootstrap import Resources
from fairlead.db.tenancy import system
from fairlead.engine.rescue import Rescued, rescue
from fairlead.errors import Locked
from fairlead.maintenance.lookout import Lookout
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop

BATCH: Final = 500
_SCOPE: Final = system("rescue items of every organization")
_log = structlog.get_logger(__name__)


def rescuer(resources: Resources, lookout: Lookout) -> Loop:
    """Return the loop that rescues; a full batch is followed by another at once."""
    database = resources.database.impatient()

    async def rescue_some(*, beside_locked: bool = False) -> list[Rescued]:
        since = lookout.marks.leases
        return await rescue(database.alone(_SCOPE), _SCOPE, most=BATCH, since=since, beside_locked=beside_locked)

    async def turn() -> float:
        try:
            rescued = await rescue_some()
        except Locked:
            rescued = await rescue_some(beside_locked=True)
        for queue_id in {item.queue_id for item in rescued}:
            resources.notifier.announce(queue_id)
        for item in rescued:
            _log.warning("item_rescued", item_id=item.id, queue_id=item.queue_id, status=item.status.value)
        return 0 if len(rescued) == BATCH else ASLEEP_SECONDS

    return Loop("rescuer", turn)
