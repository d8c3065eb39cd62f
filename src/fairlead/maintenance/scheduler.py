"""Scheduler: runs the schedules that are due, in any number of processes; each tick gets its item once."""

from __future__ import annotations

from typing import Final

from fairlead.bootstrap import Resources
from fairlead.db.session import Looks
from fairlead.db.tenancy import system
from fairlead.engine.schedule import schedule
from fairlead.queries.schedules import seconds_until_due
from fairlead.runtime.loop import Loop

BATCH: Final = 100
LONGEST_SECONDS: Final = 5.0  # so late is the first tick of a schedule that was just made or changed, at most
HELD_SECONDS: Final = 0.1  # what is due is in another scheduler's hands
_SCOPE: Final = system("run schedules of every organization")


def scheduler(resources: Resources, looks: Looks) -> Loop:
    """Return the loop that runs schedules; it sleeps until the next one is due, but never long."""
    database = resources.database.impatient()

    async def turn() -> float:
        seconds = await seconds_until_due(looks.alone(_SCOPE), _SCOPE)
        if seconds is None or seconds > 0:
            return LONGEST_SECONDS if seconds is None else min(seconds, LONGEST_SECONDS)
        async with database.unit_of_work(_SCOPE) as session:
            done = await schedule(session, _SCOPE, most=BATCH)
        for queue_id in done.queues:
            resources.notifier.announce(queue_id)
        return 0 if done.schedules else HELD_SECONDS

    return Loop("scheduler", turn)
