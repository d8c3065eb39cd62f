"""Items as people and programs see them, waiting or long finished, read from the one relation `queue_items`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.domain.item_status import ItemStatus
from fairlead.domain.retry import Backoff
from fairlead.errors import NotFound
from fairlead.queries.page import Page, Window


@dataclass(frozen=True, slots=True)
class Item:
    """One item; `finished_at` is None while it lives."""

    id: str
    queue_id: str
    payload: dict[str, Any]
    status: ItemStatus
    priority: int
    attempts: int
    max_attempts: int
    error_message: str | None
    errors: list[dict[str, Any]]
    result: Any  # what the handler returned; an HTTP caller can only give an object
    progress: dict[str, Any] | None
    task: str | None
    tags: list[str]
    scheduled_for: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    finished_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OutcomeRules:
    """What an outcome has to know of its item and the item's queue."""

    queue_id: str
    attempts: int
    lease_seconds: int
    backoff: Backoff


_COLUMNS = ", ".join(f"i.{field.name}" for field in fields(Item)).replace(
    "i.finished_at", "nullif(i.finished_at, 'infinity')"
)

ITEMS: Final = Statement(
    """
select {columns}
from queue_items i
where i.organization_id = :organization_id and i.id = any (:ids)
""",
    columns=_COLUMNS,
)

_OF_QUEUE = """i.organization_id = :organization_id and i.queue_id = :queue_id
    and (cast(:status as queue_item_status) is null or i.status = cast(:status as queue_item_status))"""

ITEM_PAGE: Final = Statement(
    """
select {columns}
from queue_items i
where {of_queue}
order by i.created_at desc, i.id desc
limit :limit offset :offset
""",
    columns=_COLUMNS,
    of_queue=_OF_QUEUE,
)

ITEM_COUNT: Final = Statement("select count(*) from queue_items i where {of_queue}", of_queue=_OF_QUEUE)

OUTCOME_RULES: Final = Statement("""
select i.queue_id, i.attempts, q.lease_seconds,
    q.backoff_policy, q.backoff_base_seconds, q.backoff_factor, q.backoff_cap_seconds, q.backoff_jitter
from queue_items i
join queues q on q.organization_id = i.organization_id and q.id = i.queue_id
where i.organization_id = :organization_id and i.id = :item_id
""")


async def get_item(session: Session, scope: TenantScope, *, item_id: str) -> Item:
    """Return an item; raises NotFound for an unknown or another organization's one."""
    found = await find_items(session, scope, item_ids=[item_id])
    if not found:
        raise NotFound
    return found[item_id]


async def find_items(session: Session, scope: TenantScope, *, item_ids: Sequence[str]) -> dict[str, Item]:
    """Return by id those of these items that exist here."""
    rows = await session.run(ITEMS, {"organization_id": scope.organization_id, "ids": list(item_ids)})
    return {row[0]: _item(row) for row in rows}


async def get_outcome_rules(session: Session, scope: TenantScope, *, item_id: str) -> OutcomeRules:
    """Return what an outcome has to know; raises NotFound as `get_item` does."""
    rows = await session.run(OUTCOME_RULES, {"organization_id": scope.organization_id, "item_id": item_id})
    if not rows:
        raise NotFound
    queue_id, attempts, lease_seconds, *backoff = rows[0]
    return OutcomeRules(queue_id, attempts, lease_seconds, Backoff(*backoff))


async def get_item_page(
    session: Session, scope: TenantScope, *, queue_id: str, window: Window, status: ItemStatus | None = None
) -> Page[Item]:
    """Return a page of one queue's items, newest first.

    The total is counted row by row, which suits thousands of items, not millions: counters come with a later issue.
    """
    parameters = {
        "organization_id": scope.organization_id,
        "queue_id": queue_id,
        "status": None if status is None else status.value,
    }
    [(total,)] = await session.run(ITEM_COUNT, parameters)
    part = {**parameters, "limit": window.limit, "offset": window.offset}
    rows = await session.run(ITEM_PAGE, part) if total > window.offset else []
    return Page(tuple(_item(row) for row in rows), window.page, window.limit, total)


def _item(row: Sequence[Any]) -> Item:
    identity, queue_id, payload, status, *rest = row
    return Item(identity, queue_id, payload, ItemStatus(status), *rest)
