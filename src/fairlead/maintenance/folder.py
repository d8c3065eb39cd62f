"""Folder: keeps the counters few, so that reading them stays quick, every two seconds while they change."""

from __future__ import annotations

from typing import Final

from fairlead.bootstrap import Resources
from fairlead.db.session import Looks
from fairlead.db.tenancy import system
from fairlead.engine.fold import fold
from fairlead.maintenance.duty import duty
from fairlead.runtime.loop import Loop

BATCH: Final = 1000
INTERVAL_SECONDS: Final = 2.0
_SCOPE: Final = system("fold the counters of every organization")


def folder(resources: Resources, looks: Looks) -> Loop:
    """Return the loop that folds."""

    async def work() -> bool:
        async with resources.database.unit_of_work(_SCOPE) as session:
            _, queues = await fold(session, _SCOPE, most=BATCH)
        return queues == BATCH

    return duty(looks, "fold", work, seconds=INTERVAL_SECONDS)
