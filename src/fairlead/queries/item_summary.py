"""Item summary: how a queue's items stand, and how long they took; for the demo, the benchmark and people.

Counts rows (live and finished), so it costs what the queue holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select, text

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope, within
from fairlead.domain.item_status import FINISHED, ItemStatus
from fairlead.schema import QueueItem

_RETRIED: ColumnElement[Any] = literal_column("""'$[*] ? (!(@.error starts with "the lease ran out"))'::jsonpath""")
_RESCUED: ColumnElement[Any] = literal_column("""'$[*] ? (@.error starts with "the lease ran out")'::jsonpath""")


@dataclass(frozen=True, slots=True)
class ItemSummary:
    """Items of one queue by status; `retried`: an attempt failed, `rescued`: a lease ran out."""

    total: int
    waiting: int
    processing: int
    completed: int
    failed: int
    cancelled: int
    retried: int
    rescued: int
    first_started_at: datetime | None
    last_finished_at: datetime | None

    @property
    def unfinished(self) -> int:
        """How many items are still to be worked."""
        return self.waiting + self.processing

    @property
    def seconds(self) -> float:
        """Return the time from the first start to the last finish; 0 when there was none."""
        if self.first_started_at is None or self.last_finished_at is None:
            return 0.0
        return (self.last_finished_at - self.first_started_at).total_seconds()


async def summarize(session: Session, scope: TenantScope, *, queue_id: str) -> ItemSummary:
    """Return how the items of a queue stand."""
    statuses = [func.count().filter(QueueItem.status == status) for status in ItemStatus]
    errors = QueueItem.errors
    figures: list[ColumnElement[Any]] = [
        func.count(),
        *statuses,
        func.count().filter(func.jsonb_path_exists(errors, _RETRIED)),
        func.count().filter(func.jsonb_path_exists(errors, _RESCUED)),
        func.min(QueueItem.started_at),
        func.max(QueueItem.finished_at).filter(QueueItem.status.in_(FINISHED)),
    ]
    row: Any = (await session.execute(_of_queue(select(*figures), scope, queue_id))).one()
    return ItemSummary(*row)


async def count_unfinished(session: Session, scope: TenantScope, *, queue_id: str) -> int:
    """Return how many items of a queue are waiting or processing; looks at live items only."""
    statement = _of_queue(select(func.count()), scope, queue_id).where(QueueItem.finished_at == text("'infinity'"))
    return int((await session.execute(statement)).scalar_one())


async def results(session: Session, scope: TenantScope, *, queue_id: str) -> dict[str, Any]:
    """Return by id what the completed items of a queue came to."""
    statement = _of_queue(select(QueueItem.id, QueueItem.result), scope, queue_id)
    rows = await session.execute(statement.where(QueueItem.status == ItemStatus.COMPLETED))
    return {row.id: row.result for row in rows}


def _of_queue(statement: Any, scope: TenantScope, queue_id: str) -> Any:
    return statement.where(within(scope, QueueItem), QueueItem.queue_id == queue_id)
