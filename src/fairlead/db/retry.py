"""Work that is tried again when two transactions could not both be.

Under `repeatable read` and `serializable` the database ends one of two transactions that stand in each other's way,
and a deadlock ends one under any isolation. What was ended so was rolled back for certain, also when the commit
itself said it, and may be done again from the start. Nothing else is tried again here: after a lost connection
nobody knows whether the commit happened.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from fairlead.db.session import Database, Isolation, Session
from fairlead.db.tenancy import Scope
from fairlead.domain.retry import Backoff, delay_seconds
from fairlead.errors import TransactionConflict

Result = TypeVar("Result")

_BACKOFF: Final = Backoff(policy="exponential", base_seconds=0.02, factor=2, cap_seconds=1, jitter=True)
_CHANCE: Final = random.SystemRandom()


async def transact(
    database: Database,
    scope: Scope,
    *,
    work: Callable[[Session], Awaitable[Result]],
    isolation: Isolation = "read committed",
    tries: int = 5,
) -> Result:
    """Run `work` in a transaction of its own and return what it returns, once that is committed.

    `work` may run up to `tries` times, so it must do nothing that a rollback cannot undo. Raises what `work` raises,
    and TransactionConflict when the last try ended so too.
    """
    for attempt in range(1, tries + 1):
        try:
            async with database.unit_of_work(scope, isolation=isolation) as session:
                return await work(session)
        except TransactionConflict:
            if attempt >= tries:
                raise
            await asyncio.sleep(delay_seconds(_BACKOFF, attempt, chance=_CHANCE.random()))
    raise ValueError("tries must be at least 1")
