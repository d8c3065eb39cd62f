"""Duties: periodic work that needs doing once, whatever the number of processes that could do it.

Taking a duty is one statement that is committed at once: the row in `duties` says until when it is taken. Nothing is
held while the work goes on, so that it goes on behind a pooler, and a process that dies delays it by one interval.
That two processes are at one duty at the same time is possible, when the work takes longer than its interval.
"""

from __future__ import annotations

from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope

TAKE_DUTY: Final = Statement("""
insert into duties (name, due_at) values (:name, statement_timestamp() + make_interval(secs => :seconds))
on conflict (name) do update set due_at = excluded.due_at where duties.due_at <= statement_timestamp()
""")


async def take_duty(session: Session, _scope: SystemScope, *, name: str, seconds: float) -> bool:
    """Take a duty for so many seconds from now on; False when somebody else has it."""
    return bool(await session.row_count(TAKE_DUTY, {"name": name, "seconds": seconds}))
