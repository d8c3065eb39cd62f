"""Reconciler: compares the slots of limited queues with the leases, every half minute, and says what was wrong.

Nothing is wrong as long as nobody moves items past the engine, but for the moment between the commit of a handler's own
transaction and its worker's report, or when that worker died just then: a correction is worth a look.
"""

from __future__ import annotations

from typing import Final

import structlog

from fairlead.bootstrap import Resources
from fairlead.db.tenancy import system
from fairlead.engine.reconcile import reconcile
from fairlead.maintenance.duty import duty
from fairlead.runtime.loop import Loop

INTERVAL_SECONDS: Final = 30.0
_SCOPE: Final = system("reconcile the slots of every organization")
_log = structlog.get_logger(__name__)


def reconciler(resources: Resources) -> Loop:
    """Return the loop that reconciles."""

    async def work() -> bool:
        async with resources.database.unit_of_work(_SCOPE) as session:
            corrections = await reconcile(session, _SCOPE)
        for correction in corrections:
            _log.warning(
                "slots_corrected",
                organization_id=correction.organization_id,
                queue_id=correction.queue_id or None,
                difference=correction.difference,
            )
        return False

    return duty(resources.database, "reconcile", work, seconds=INTERVAL_SECONDS)
