"""An attempt to be the only one: whoever comes while somebody else is at it is told so at once, and waits for nobody.

Held until the transaction ends, whichever way, so that a killed process leaves nothing behind. Two names may, once in
2^64 times, be taken for each other; then one of two is told to try again who need not have been.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope

ATTEMPT: Final = Statement("""
select pg_try_advisory_xact_lock(hashtextextended(:organization_id || ' ' || :name, 5126340))
""")


async def take_attempt(session: Session, scope: Scope, *, name: str) -> bool:
    """Take the name for this transaction; False when another one of the same organization, or of none, has it."""
    [(taken,)] = await session.run(ATTEMPT, {"organization_id": scope.organization_id, "name": name})
    return bool(taken)
