"""Mails that were kept in development."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from fairlead.db.rows import columns, read_rows
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.rows import KeptMail
from fairlead.schema.kept_mails import KeptMail as KeptMailTable

MOST: Final = 100


async def latest_mails(session: Session, _scope: SystemScope) -> list[KeptMail]:
    """Return the mails kept last, the newest first."""
    statement = select(*columns(KeptMailTable, KeptMail))
    newest = statement.order_by(KeptMailTable.created_at.desc(), KeptMailTable.id.desc()).limit(MOST)
    return await read_rows(session, newest, model=KeptMail)
