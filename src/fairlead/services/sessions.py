"""Sessions: who is signed in. Only the hash of a session's token is kept.

A session ends 14 days after it was last used and 90 days after it began, by the database's clock, and at once when it
is ended by hand. One that ended stays for a while, because it tells from where its user signs in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from fairlead.db.rows import NOW, in_time, insert_row, update_row, update_rows
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.ids import new_id
from fairlead.domain.tokens import SESSION_PREFIX, is_session_token, new_token, token_hash
from fairlead.errors import Unauthenticated
from fairlead.queries.sessions import find_session_holder
from fairlead.queries.users import get_user
from fairlead.rows import Session as SessionRow
from fairlead.rows import User
from fairlead.schema.sessions import Session as SessionTable
from fairlead.services import audit
from fairlead.services.access import Person

IDLE: Final = timedelta(days=14)
LONGEST: Final = timedelta(days=90)
_USER_AGENT_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Client:
    """From where somebody signs in: the address as attempts are counted by it, and what the program calls itself."""

    address: str
    user_agent: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A session that has just begun; its token cannot be had again."""

    session: SessionRow
    user: User
    token: str = field(repr=False)


async def authenticate_session(session: Session, scope: SystemScope, *, token: str) -> Person:
    """Return whom a session's token stands for, and let it go on from now.

    Raises Unauthenticated, always with the same sentence: for junk before any query, and for a session that is unknown,
    was ended or is over, or whose user is gone.
    """
    if not is_session_token(token):
        raise Unauthenticated
    found = await find_session_holder(session, scope, token_hash=token_hash(token))
    if found is None:
        raise Unauthenticated
    if found.is_unseen:
        key = {"id": found.session_id, "revoked_at": None}
        values = {"last_seen_at": NOW, "idle_expires_at": in_time(IDLE)}
        await update_rows(session, scope, SessionTable, key=key, values=values)
    return Person(user_id=found.user_id, session_id=found.session_id)


async def start_session(session: Session, scope: SystemScope, *, user_id: str, client: Client) -> StartedSession:
    """Begin a session of a user, with a token of its own. Raises NotFound for a user who is gone."""
    user = await get_user(session, scope, user_id=user_id)
    token = new_token(SESSION_PREFIX)
    values = {
        "id": new_id(),
        "user_id": user_id,
        "token_hash": token_hash(token),
        "address": client.address,
        "user_agent": client.user_agent and client.user_agent[:_USER_AGENT_CHARACTERS],
        "idle_expires_at": in_time(IDLE),
        "expires_at": in_time(LONGEST),
    }
    made = await insert_row(session, scope, SessionTable, values=values, model=SessionRow)
    seen = {"session": made.id, "address": client.address}
    actor = audit.Actor("user", user.id, client.request_id)
    await _record(session, scope, "user.signed_in", user=user, actor=actor, after=seen)
    return StartedSession(made, user, token)


async def end_session(
    session: Session, scope: SystemScope, *, user_id: str, session_id: str, actor: audit.Actor = audit.OPERATOR
) -> None:
    """End one session of a user at once, for good. Raises NotFound for another user's, and for one that has ended."""
    key = {"id": session_id, "user_id": user_id, "revoked_at": None}
    await update_row(session, scope, SessionTable, key=key, values={"revoked_at": NOW}, model=SessionRow)
    user = await get_user(session, scope, user_id=user_id)
    await _record(session, scope, "user.signed_out", user=user, actor=actor, before={"session": session_id})


async def end_sessions(
    session: Session,
    scope: SystemScope,
    *,
    user_id: str,
    but: str | None = None,
    actor: audit.Actor = audit.OPERATOR,
) -> int:
    """End every session of a user at once, but one; return how many there were.

    A soft-deleted user may have some that nobody can use. Raises NotFound for an unknown user.
    """
    user = await get_user(session, scope, user_id=user_id, deleted=True)
    key = {"user_id": user_id, "revoked_at": None}
    count = await update_rows(session, scope, SessionTable, key=key, values={"revoked_at": NOW}, but=but)
    if count:
        await _record(session, scope, "user.signed_out", user=user, actor=actor, before={"sessions": count})
    return count


async def _record(
    session: Session,
    scope: SystemScope,
    action: str,
    *,
    user: User,
    actor: audit.Actor,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    subject = audit.Subject("user", user.id, user.organization_id)
    await audit.record(session, scope, actor=actor, events=[audit.Event(action, subject, before, after)])
