"""Schedules: one, a page of them, the ticks to come, and when the next is due."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy import false

from fairlead.db.rows import get_row, one_of, read_clock, visible
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope, TenantScope
from fairlead.domain.cron import parsed, ticks
from fairlead.domain.ids import is_id
from fairlead.domain.limits import TICKS_SHOWN
from fairlead.errors import ValidationFailed
from fairlead.queries.page import Page, Window, read_page
from fairlead.queries.search import matches
from fairlead.rows import Schedule
from fairlead.schema.schedules import Schedule as ScheduleTable

# The smallest entry of schedules_due_idx.
NEXT_DUE: Final = Statement("""
select extract(epoch from greatest(s.next_run_at, s.retry_at) - statement_timestamp())
from schedules s
where s.paused_at is null and s.next_run_at is not null
order by greatest(s.next_run_at, s.retry_at)
limit 1
""")


async def get_schedule(session: Session, scope: TenantScope, *, schedule_id: str) -> Schedule:
    """Return a schedule; raises NotFound for an unknown or another organization's one."""
    return await get_row(session, scope, ScheduleTable, key={"id": schedule_id}, model=Schedule)


async def get_schedule_by_name(session: Session, scope: TenantScope, *, name: str) -> Schedule:
    """Return the schedule of that name; raises NotFound as `get_schedule` does."""
    return await get_row(session, scope, ScheduleTable, key={"name": name}, model=Schedule)


async def get_schedule_page(
    session: Session,
    scope: TenantScope,
    *,
    window: Window,
    search: str | None = None,
    queue_id: str | None = None,
    queue_ids: Collection[str] | None = None,
    paused: bool | None = None,
    failing: bool | None = None,
) -> Page[Schedule]:
    """Return a page of schedules, newest first; each filter that is None lets every schedule through.

    `search` is found anywhere in the name, in any case, and taken literally; `queue_ids` limits the list to the
    schedules of some queues; `failing` ones could not enqueue what they owed last.
    """
    where = visible(scope, ScheduleTable)
    if search:
        where.append(matches(search, ScheduleTable.name))
    if queue_id is not None:
        where.append(ScheduleTable.queue_id == queue_id if is_id(queue_id) else false())
    if queue_ids is not None:
        where.append(one_of(ScheduleTable.queue_id, [found for found in queue_ids if is_id(found)]))
    if paused is not None:
        where.append(ScheduleTable.paused_at.is_not(None) if paused else ScheduleTable.paused_at.is_(None))
    if failing is not None:
        error = ScheduleTable.error_message
        where.append(error.is_not(None) if failing else error.is_(None))
    return await read_page(session, ScheduleTable, where=where, window=window, model=Schedule)


async def get_next_ticks(session: Session, scope: TenantScope, *, schedule_id: str, count: int = 10) -> list[datetime]:
    """Return the next 1 to 100 ticks of a schedule, by the database's clock, as if it were not paused.

    Raises NotFound, and ValidationFailed for another number of them.
    """
    if not 1 <= count <= TICKS_SHOWN:
        raise ValidationFailed(details={"count": f"must be between 1 and {TICKS_SHOWN}"})
    found = await get_schedule(session, scope, schedule_id=schedule_id)
    after = await read_clock(session)
    return list(islice(ticks(parsed(found.cron, found.time_zone), after=after), count))


async def seconds_until_due(session: Session, _scope: SystemScope) -> float | None:
    """Return when the next schedule of any organization is due, below 0 when it is late; None when there is none."""
    rows = await session.run(NEXT_DUE, {})
    return float(rows[0][0]) if rows else None
