"""A duty as a loop: what one process does for the whole fleet, when the lookout sees that it is due.

The first process that takes the duty does the work and then has it for its interval. The work is done in turns, each a
bounded piece of it, until a turn says that nothing is left; what it costs is held to a share of the time, so that it
comes less often where it takes long.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

from fairlead.db.duty import take_duty
from fairlead.db.session import Looks
from fairlead.db.tenancy import system
from fairlead.runtime.loop import ASLEEP_SECONDS, Loop, rest

SHARE: Final = 0.05  # of the time, at most, goes into one duty
LONGEST_REST_SECONDS: Final = 60.0  # after one, however long it took
_SCOPE: Final = system("take a duty of the fleet")


def duty(looks: Looks, name: str, work: Callable[[], Awaitable[bool]], *, seconds: float) -> Loop:
    """Return the loop for a duty of that name and interval; `work` does a piece and says whether more is left."""
    rested_at = 0.0  # monotonic seconds
    at_work = False

    async def turn() -> float:
        nonlocal rested_at, at_work
        began = time.monotonic()
        if not at_work and began < rested_at:
            return ASLEEP_SECONDS
        if not (at_work or await take_duty(looks.alone(_SCOPE), _SCOPE, name=name, seconds=seconds)):
            return ASLEEP_SECONDS
        at_work = False
        at_work = await work()
        ended = time.monotonic()
        rested_at = ended + rest(ended - began, share=SHARE, longest=LONGEST_REST_SECONDS)
        return (ended - began) if at_work else ASLEEP_SECONDS

    return Loop(name, turn)
