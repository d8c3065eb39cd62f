"""Expired: what people's sign-in and requests leave behind, removed when nothing asks for it any more.

A token's row stays for a day after its time, so that a mail that comes late is not taken for a new request; a session's
for as long as a session can last, because it tells from where its user signs in. What people made outside every
organization they may ask for again for a day, as inside one (`maintenance/pruner.py`).
"""

from __future__ import annotations

from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope

_EACH: Final = (
    Statement("delete from verifications where expires_at < statement_timestamp() - interval '1 day'"),
    Statement("""
delete from sessions
where least(expires_at, idle_expires_at, revoked_at) < statement_timestamp() - interval '90 days'
"""),
    Statement("delete from buckets where full_at < statement_timestamp()"),
    Statement("delete from kept_mails where created_at < statement_timestamp() - interval '7 days'"),
    Statement("delete from personal_idempotency_keys where created_at < statement_timestamp() - interval '1 day'"),
)


async def remove_expired(session: Session, _scope: SystemScope) -> int:
    """Remove it all and return how many rows that were."""
    return sum([await session.row_count(statement, {}) for statement in _EACH])
