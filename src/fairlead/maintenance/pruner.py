"""Pruner: removes finished items that their queue keeps no longer, and unique and idempotency keys that are over.

Now and then also what sign-in left behind; for that whole tables are read.
"""

from __future__ import annotations

from typing import Final

from fairlead.bootstrap import Resources
from fairlead.db.duty import take_duty
from fairlead.db.expired import remove_expired
from fairlead.db.session import Looks
from fairlead.db.tenancy import system
from fairlead.engine.prune import prune, prune_answers, prune_periods
from fairlead.maintenance.duty import duty
from fairlead.runtime.loop import Loop

BATCH: Final = 1000
INTERVAL_SECONDS: Final = 20.0
EXPIRED_SECONDS: Final = 3600.0
ANSWER_SECONDS: Final = 24 * 3600.0  # as the HTTP contract says
_SCOPE: Final = system("prune finished items of every organization")


def pruner(resources: Resources, looks: Looks) -> Loop:
    """Return the loop that prunes, a batch of each at a time."""

    async def work() -> bool:
        items = await prune(looks.alone(_SCOPE), _SCOPE, most=BATCH)
        periods = await prune_periods(looks.alone(_SCOPE), _SCOPE, most=BATCH)
        answers = await prune_answers(looks.alone(_SCOPE), _SCOPE, seconds=ANSWER_SECONDS, most=BATCH)
        if await take_duty(looks.alone(_SCOPE), _SCOPE, name="expired", seconds=EXPIRED_SECONDS):
            async with resources.database.unit_of_work(_SCOPE) as unit:
                await remove_expired(unit, _SCOPE)
        return BATCH in {items, periods, answers}

    return duty(looks, "prune", work, seconds=INTERVAL_SECONDS)
