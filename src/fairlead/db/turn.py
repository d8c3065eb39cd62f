"""Turns: changes of one organization that must see each other happen one after the other.

A turn is taken by writing the organization's row, not only by locking it: under `read committed` the next one waits
and then sees what the last one left, and under any stricter isolation, where it could not see that, it fails with
TransactionConflict instead of deciding on what is no longer so. Adding items does not wait for a turn.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.errors import NotFound

TURN: Final = Statement("update organizations set weight = weight where id = :organization_id")


async def take_turn(session: Session, scope: TenantScope) -> None:
    """Wait for the organization's turn and keep it until the transaction ends; raises NotFound."""
    if not await session.row_count(TURN, {"organization_id": scope.organization_id}):
        raise NotFound
