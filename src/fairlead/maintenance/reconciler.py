"""Reconciler: compares the slots of limited queues with the leases, every half minute, and says what was wrong.

Nothing is wrong as long as nobody moves items past the engine, but for the moment between the commit of a handler's own
transaction and its worker's report, or when that worker died just then: a correction is worth a look.
Slots that somebody holds are left to the next time, and the others put right without them.
"""

from __future__ import annotations

from typing import Final

import structlog

from fairlead.bootstrap import Resources
from fairlead.db.session import Looks
from fairlead.db.tenancy import system
from fairlead.engine.reconcile import Correction, correct_slots, reconcile, slots_differ
from fairlead.errors import Locked
from fairlead.maintenance.duty import duty
from fairlead.runtime.loop import Loop

INTERVAL_SECONDS: Final = 30.0
_SCOPE: Final = system("reconcile the slots of every organization")
_log = structlog.get_logger(__name__)


def reconciler(resources: Resources, looks: Looks) -> Loop:
    """Return the loop that reconciles."""
    database = resources.database.impatient()

    async def corrected() -> list[Correction]:
        try:
            async with database.unit_of_work(_SCOPE) as session:
                return await reconcile(session, _SCOPE)
        except Locked:
            async with database.unit_of_work(_SCOPE) as session:
                return await correct_slots(session, _SCOPE, beside_locked=True)

    async def work() -> bool:
        corrections = await corrected() if await slots_differ(looks.alone(_SCOPE), _SCOPE) else []
        for correction in corrections:
            _log.warning(
                "slots_corrected",
                organization_id=correction.organization_id,
                queue_id=correction.queue_id or None,
                difference=correction.difference,
            )
        return False

    return duty(looks, "reconcile", work, seconds=INTERVAL_SECONDS)
