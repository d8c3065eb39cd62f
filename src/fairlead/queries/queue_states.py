"""Queue states: what all queues of an organization look like at one instant, and which changed since an earlier one.

The numbers are the sums of the counters, as in `queries/depths.py`; no item is looked at. An instant is told by the
oldest transaction that was under way: whatever an earlier state did not show yet was written by that one or a later
one. A row tells which transaction wrote it (`xmin`, of which it keeps the lower 32 bits), so that no change can be
missed, and nothing has to be written down for it. Some that did not change are told, too: those whose counters were
folded meanwhile, and those without any, as what was folded to nothing leaves no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope

_FARTHEST: Final = 2**31  # transactions apart; farther, the lower 32 bits do not tell which came first

_WRITTEN_SINCE: Final = """
mod(cast(cast({row}.xmin as text) as bigint) - mod(cast(:since as bigint), 4294967296) + 4294967296, 4294967296)
    < 2147483648""".strip()

STATES: Final = Statement(
    """
with now as materialized (
    select cast(cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as bigint) as position
)
select n.position, q.*
from now n
left join lateral (
    select q.id, q.name, q.paused_at, q.resume_at, q.updated_at,
        c.waiting, c.processing, c.completed, c.failed, c.cancelled,
        c.written or {queue_written}
    from queues q
    cross join lateral (
        select coalesce(sum(c.waiting), 0)::bigint as waiting, coalesce(sum(c.processing), 0)::bigint as processing,
            coalesce(sum(c.completed), 0)::bigint as completed, coalesce(sum(c.failed), 0)::bigint as failed,
            coalesce(sum(c.cancelled), 0)::bigint as cancelled, coalesce(bool_or({counter_written}), true) as written
        from item_counters c
        where c.organization_id = q.organization_id and c.queue_id = q.id
    ) c
    where q.organization_id = :organization_id and q.deleted_at is null
) q on true
""",
    queue_written=_WRITTEN_SINCE.replace("{row}", "q"),
    counter_written=_WRITTEN_SINCE.replace("{row}", "c"),
)


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue as somebody who watches it wants to see it: its name, whether it is paused, its items by status."""

    queue_id: str
    name: str
    paused_at: datetime | None
    resume_at: datetime | None
    updated_at: datetime
    waiting: int
    processing: int
    completed: int
    failed: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class QueueStates:
    """All queues that there are, by id, at an instant.

    `changed` may be others than at the instant that was asked about; `reaches_back` is whether that is an instant of
    this database, and near enough to tell.
    """

    position: int
    queues: Mapping[str, QueueState]
    changed: frozenset[str]
    reaches_back: bool


async def get_queue_states(session: Session, scope: TenantScope, *, since: int | None = None) -> QueueStates:
    """Return the states of the organization's queues that are not deleted; `since` is the position of earlier ones."""
    rows = await session.run(STATES, {"organization_id": scope.organization_id, "since": since or 0})
    queues = {row[1]: QueueState(*row[1:-1]) for row in rows if row[1] is not None}
    position = int(rows[0][0])
    reaches_back = since is not None and 0 <= position - since < _FARTHEST
    changed = frozenset(row[1] for row in rows if row[1] is not None and (row[-1] or not reaches_back))
    return QueueStates(position, queues, changed, reaches_back)
