"""Sessions, as a token that was shown finds them, and as their user sees them."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import select

from fairlead.db.rows import NOW, columns, read_rows
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope
from fairlead.domain.ids import is_id
from fairlead.rows import Session as SessionRow
from fairlead.schema.sessions import Session as SessionTable

# Once a request of a person. The hash is unique, the user's id a primary key.
HOLDER: Final = Statement("""
select s.id, s.user_id, s.last_seen_at < statement_timestamp() - interval '10 minutes'
from sessions s
join users u on u.id = s.user_id and u.deleted_at is null
where s.token_hash = :token_hash and s.revoked_at is null
    and s.idle_expires_at > statement_timestamp() and s.expires_at > statement_timestamp()
""")


class SessionHolder(NamedTuple):
    """A session that goes on, and whose it is; `is_unseen` when nobody has noted for a while that it is used."""

    session_id: str
    user_id: str
    is_unseen: bool


async def find_session_holder(session: Session, _scope: SystemScope, *, token_hash: str) -> SessionHolder | None:
    """Return whose session a token's hash stands for; None for one that is unknown or over, or whose user is gone."""
    rows = await session.run(HOLDER, {"token_hash": token_hash})
    return SessionHolder(*rows[0]) if rows else None


async def sessions_of(session: Session, _scope: SystemScope, *, user_id: str) -> list[SessionRow]:
    """Return the sessions of a user that go on, the one used last first."""
    if not is_id(user_id):
        return []
    ends = (SessionTable.idle_expires_at > NOW, SessionTable.expires_at > NOW)
    where = (SessionTable.user_id == user_id, SessionTable.revoked_at.is_(None), *ends)
    statement = select(*columns(SessionTable, SessionRow)).where(*where)
    return await read_rows(
        session, statement.order_by(SessionTable.last_seen_at.desc(), SessionTable.id.desc()), model=SessionRow
    )
