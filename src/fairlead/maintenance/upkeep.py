"""Upkeep: everything that a long-running process does for the fleet beside its own work, behind one lookout.

Any number of processes may carry it: what moves items skips what is locked, and the rest is a duty that one process has
at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from fairlead.bootstrap import Resources
from fairlead.db.session import Looks
from fairlead.maintenance.advancer import advancer
from fairlead.maintenance.folder import folder
from fairlead.maintenance.lookout import Lookout
from fairlead.maintenance.promoter import promoter
from fairlead.maintenance.pruner import pruner
from fairlead.maintenance.reconciler import reconciler
from fairlead.maintenance.rescuer import rescuer
from fairlead.runtime.loop import Loop

DUTIES: Final = ("fold", "reconcile", "prune")


class Upkeep:
    """The loops of maintenance as one: started and stopped together, safe to stop twice.

    They look around at `looks`, which may be a cheaper place than the database.
    """

    def __init__(self, resources: Resources, looks: Looks) -> None:
        self.lookout = Lookout(looks)
        self._woken: Mapping[str, Loop] = {
            "promoter": promoter(resources, self.lookout),
            "rescuer": rescuer(resources, self.lookout),
            "advancer": advancer(resources, self.lookout),
        }
        self._duties: Mapping[str, Loop] = dict(
            zip(DUTIES, (folder(resources, looks), reconciler(resources, looks), pruner(resources, looks)), strict=True)
        )
        self.lookout.serve(loops=self._woken, duties=self._duties)

    @property
    def ready(self) -> asyncio.Event:
        """Set when the first look was taken."""
        return self.lookout.loop.ready

    def start(self) -> None:
        """Begin; does nothing when it has begun already, or was stopped."""
        for loop in (*self._woken.values(), *self._duties.values(), self.lookout.loop):
            loop.start()

    def hear(self, queue_id: str) -> None:
        """Hear of a wake-up, which spares an ordering key's next item the wait for a look."""
        self.lookout.hear(queue_id)

    async def stop(self) -> None:
        """Let what is under way finish, and do no more."""
        loops = (self.lookout.loop, *self._woken.values(), *self._duties.values())
        await asyncio.gather(*(loop.stop() for loop in loops))
