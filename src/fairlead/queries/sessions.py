"""Sessions, as a token that was shown finds them."""

from __future__ import annotations

from typing import Final, NamedTuple

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope

# Once a request of a person. The hash is unique, the user's id a primary key.
HOLDER: Final = Statement("""
select s.id, s.user_id
from sessions s
join users u on u.id = s.user_id and u.deleted_at is null
where s.token_hash = :token_hash and s.revoked_at is null
    and s.idle_expires_at > statement_timestamp() and s.expires_at > statement_timestamp()
""")


class SessionHolder(NamedTuple):
    """A session that goes on, and whose it is."""

    session_id: str
    user_id: str


async def find_session_holder(session: Session, _scope: SystemScope, *, token_hash: str) -> SessionHolder | None:
    """Return whose session a token's hash stands for; None for one that is unknown or over, or whose user is gone."""
    rows = await session.run(HOLDER, {"token_hash": token_hash})
    return SessionHolder(*rows[0]) if rows else None
