"""Offers of somebody who goes: what they offered to others and nobody has taken yet ends with their right to offer it.

An offer is worth nothing any more from the moment its maker may not make it (`queries/invitations.py`); here it is also
said to be revoked, for good, so that it does not come back when its maker does.
"""

from __future__ import annotations

from fairlead.db.rows import NOW, update_row
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope
from fairlead.queries.invitations import open_invitations_by
from fairlead.rows import Invitation
from fairlead.schema.invitations import Invitation as InvitationTable
from fairlead.services import audit


async def end_offers(session: Session, scope: Scope, *, invited_by: str, actor: audit.Actor = audit.OPERATOR) -> None:
    """Revoke every open invitation that a user made; in a SystemScope those to every organization."""
    ended = []
    for offer in await open_invitations_by(session, scope, user_id=invited_by):
        values, key = {"revoked_at": NOW}, {"id": offer.id}
        before, after = await update_row(session, scope, InvitationTable, key=key, values=values, model=Invitation)
        ended.append(("invitation.revoked", before, after))
    await audit.record(session, scope, actor=actor, events=audit.changes("invitation", ended))
