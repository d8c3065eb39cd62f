"""Sessions: who is signed in. Only the hash of a session's token is kept."""

from __future__ import annotations

from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.tokens import is_session_token, token_hash
from fairlead.errors import Unauthenticated
from fairlead.queries.sessions import find_session_holder
from fairlead.services.access import Person


async def authenticate_session(session: Session, scope: SystemScope, *, token: str) -> Person:
    """Return whom a session's token stands for.

    Raises Unauthenticated, always with the same sentence: for junk before any query, and for a session that is unknown,
    was ended or is over, or whose user is gone.
    """
    if not is_session_token(token):
        raise Unauthenticated
    found = await find_session_holder(session, scope, token_hash=token_hash(token))
    if found is None:
        raise Unauthenticated
    return Person(user_id=found.user_id, session_id=found.session_id)
