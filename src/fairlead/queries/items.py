"""Items as people and programs see them, waiting or long finished, read from the one relation `queue_items`.

Items of a soft-deleted queue are not there unless `deleted` asks for them. An item is found by the leaves' primary
keys. Lists are newest first; no index is in that order, so that a page and a slice read all items that the queue
(without one: the organization) has in the leaves that its status leaves open, and sort what they show: a tenth of a
second for 200 000. An index of the finished ones on (organization_id, queue_id, created_at desc, id desc) would spare
that, and cost every completion an eighth of its time and a third more WAL (`docs/adr/0017`). Totals are counted by the
same reading; how many items a queue has by status `queries/depths.py` knows without.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Final, TypedDict, Unpack

from sqlalchemy import ColumnElement, false, func, literal_column, or_, select
from sqlalchemy.orm import aliased

from fairlead.db.rows import one_of, visible
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.domain import json_values
from fairlead.domain.ids import is_id
from fairlead.domain.item_status import FINISHED, LIVE, ItemStatus
from fairlead.domain.retry import Backoff
from fairlead.errors import NotFound, ValidationFailed
from fairlead.queries.page import After, Page, Slice, Window, read_page, read_slice
from fairlead.queries.queues import get_queue
from fairlead.queries.search import matches, refuse_unknown
from fairlead.schema.queue_items import QueueItem
from fairlead.schema.queues import Queue


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
    result: Any  # what the handler returned, or an HTTP caller gave: any JSON
    progress: dict[str, Any] | None
    task: str | None
    tags: list[str]
    scheduled_for: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    cancel_requested_at: datetime | None  # while it is worked on: it is being cancelled
    unique_key: str | None
    ordering_key: str | None
    worker_id: str | None  # who works on it, or who did last


class ItemFilters(TypedDict, total=False):
    """Which items a list is of; what is not given is no condition.

    `queue_ids` limits the list to some queues. `task` and `tag` are an item's exactly, `error` is in its last error, in
    any case and taken literally. `created_from` is the first instant, `created_before` the first one after the last.
    """

    queue_ids: Collection[str] | None
    status: ItemStatus | None
    task: str | None
    tag: str | None
    error: str | None
    created_from: datetime | None
    created_before: datetime | None


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

# Each item is looked up by its whole key, in one leaf after the other; the limits keep the planner from another order.
# Of `id = any (…)` it thinks many look-ups, and as long as nobody has analyzed the tables it reads all that an
# organization or a queue has finished instead. The order of what is finished is the key's and no other index's.
_EACH: Final = """unnest(cast(:ids as text[])) as r (id)
cross join lateral (
    (
        select i.* from queue_items i
        where i.organization_id = :organization_id and i.id = r.id and i.finished_at = 'infinity'
    )
    union all
    (
        select i.* from queue_items i
        where i.organization_id = :organization_id and i.id = r.id and i.finished_at < 'infinity'
        order by i.finished_at
        limit 1
    )
    limit 1
) i"""

ITEMS: Final = Statement(
    """
select {columns}
from {each}
where cast(:deleted as boolean) or (
    select q.deleted_at is null from queues q where q.organization_id = i.organization_id and q.id = i.queue_id)
""",
    columns=_COLUMNS,
    each=_EACH,
)

OUTCOME_RULES: Final = Statement(
    """
select i.id, i.queue_id, i.attempts, q.lease_seconds,
    q.backoff_policy, q.backoff_base_seconds, q.backoff_factor, q.backoff_cap_seconds, q.backoff_jitter,
    q.backoff_delays
from {each}
cross join lateral (
    select q.* from queues q
    where q.organization_id = i.organization_id and q.id = i.queue_id
    order by q.id
    limit 1
) q
""",
    each=_EACH,
)

# Written, never bound: it tells the planner which leaves to read.
_FOREVER: Final[ColumnElement[datetime]] = literal_column("timestamptz 'infinity'")


async def get_item(session: Session, scope: TenantScope, *, item_id: str, deleted: bool = False) -> Item:
    """Return an item; raises NotFound for an unknown or another organization's one, a deleted queue's unless asked."""
    found = await find_items(session, scope, item_ids=[item_id], deleted=deleted)
    if not found:
        raise NotFound
    return found[item_id]


async def find_items(
    session: Session, scope: TenantScope, *, item_ids: Sequence[str], deleted: bool = False
) -> dict[str, Item]:
    """Return by id those of these items that are here, a deleted queue's only when asked."""
    ids = [item_id for item_id in item_ids if is_id(item_id)]
    rows = await session.run(ITEMS, {"organization_id": scope.organization_id, "ids": ids, "deleted": deleted})
    return {row[0]: _item(row) for row in rows}


async def get_outcome_rules(session: Session, scope: TenantScope, *, item_id: str) -> OutcomeRules:
    """Return what an outcome has to know; raises NotFound as `get_item` does, but not for a deleted queue's item."""
    found = await find_outcome_rules(session, scope, item_ids=[item_id])
    if not found:
        raise NotFound
    return found[item_id]


async def find_outcome_rules(
    session: Session, scope: TenantScope, *, item_ids: Collection[str]
) -> dict[str, OutcomeRules]:
    """Return by id what outcomes have to know of those of these items that are here, deleted queues' included."""
    ids = [item_id for item_id in item_ids if is_id(item_id)]
    rows = await session.run(OUTCOME_RULES, {"organization_id": scope.organization_id, "ids": ids})
    return {row[0]: _outcome_rules(*row[1:]) for row in rows}


async def get_item_page(
    session: Session,
    scope: TenantScope,
    *,
    window: Window,
    queue_id: str | None = None,
    deleted: bool = False,
    **filters: Unpack[ItemFilters],
) -> Page[Item]:
    """Return a page of one queue's items, or without a queue of all the organization's, newest first.

    Raises NotFound for a queue that `get_queue` would not find, and ValidationFailed for a filter that cannot be. The
    total is counted row by row, which suits thousands of items, not millions.
    """
    items, where = await _listed(session, scope, queue_id=queue_id, deleted=deleted, filters=filters)
    return await read_page(session, items, where=where, window=window, model=Item, key=("organization_id", "id"))


async def get_item_slice(
    session: Session,
    scope: TenantScope,
    *,
    after: After,
    queue_id: str | None = None,
    deleted: bool = False,
    **filters: Unpack[ItemFilters],
) -> Slice[Item]:
    """Return a slice of what `get_item_page` lists, for walking all of it; raises as that does.

    An item keeps its place from its enqueueing to its end, so that a walk meets it once, finished meanwhile or not.
    """
    items, where = await _listed(session, scope, queue_id=queue_id, deleted=deleted, filters=filters)
    found: Slice[Item] = await read_slice(session, items, where=where, after=after, model=Item)
    return found


async def find_item_ids(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str | None = None,
    live: bool,
    most: int,
    filters: ItemFilters,
) -> list[str]:
    """Return the ids of the oldest items that these filters find, live or finished ones; raises as `get_item_page`.

    One that is being cancelled is neither.
    """
    items, where = await _listed_half(session, scope, queue_id=queue_id, live=live, filters=filters)
    ids = select(items.id).where(*where).order_by(items.created_at, items.id).limit(most)
    return list((await session.execute(ids)).scalars())


async def count_items(
    session: Session, scope: TenantScope, *, queue_id: str | None = None, live: bool, filters: ItemFilters
) -> int:
    """Return how many items `find_item_ids` would find were there no most; counts them row by row, and raises as it."""
    items, where = await _listed_half(session, scope, queue_id=queue_id, live=live, filters=filters)
    count = select(func.count()).select_from(items).where(*where)
    return int((await session.execute(count)).scalar_one())


async def _listed_half(
    session: Session, scope: TenantScope, *, queue_id: str | None, live: bool, filters: ItemFilters
) -> tuple[type[QueueItem], list[ColumnElement[bool]]]:
    """Return what `_listed` does, narrowed to the items that can still be cancelled, or to those that have ended."""
    items, where = await _listed(session, scope, queue_id=queue_id, deleted=False, filters=filters)
    where.append(items.status.in_(LIVE if live else FINISHED))
    if live:
        where.append(or_(items.cancel_requested_at.is_(None), items.status == ItemStatus.WAITING))
    return items, where


async def _listed(
    session: Session, scope: TenantScope, *, queue_id: str | None, deleted: bool, filters: ItemFilters
) -> tuple[type[QueueItem], list[ColumnElement[bool]]]:
    """Return the relation to list, and the conditions; raises for a queue or a filter that cannot be."""
    refuse_unknown(filters, known=ItemFilters.__annotations__)
    _refuse_types(filters)
    status = filters.get("status")
    items = _relation(None if status is None else status in LIVE)
    where = [*visible(scope, items), *_conditions(items, filters)]
    if queue_id is not None:
        await get_queue(session, scope, queue_id=queue_id, deleted=deleted)
        where.append(items.queue_id == queue_id)
    elif not deleted:
        where.append(items.queue_id.in_(select(Queue.id).where(*visible(scope, Queue))))
    return items, where


@cache
def _relation(live: bool | None) -> type[QueueItem]:
    """Return the items as `Item` has them; `live` True or False says that one kind of leaf has all that are wanted."""
    end = func.nullif(QueueItem.finished_at, _FOREVER).label("finished_at")
    shown = select(*(column for column in QueueItem.__table__.c if column.name != "finished_at"), end)
    if live is not None:
        shown = shown.where(QueueItem.finished_at == _FOREVER if live else QueueItem.finished_at < _FOREVER)
    return aliased(QueueItem, shown.subquery("items"), adapt_on_names=True)


def _refuse_types(filters: Mapping[str, Any]) -> None:
    """Raise ValidationFailed for values that are no filters: an empty list, say, would find everything."""
    wanted = {"task": str, "tag": str, "error": str, "created_from": datetime, "created_before": datetime}
    wrong = {
        field: f"must be {'text' if kind is str else 'an instant'}"
        for field, kind in wanted.items()
        if filters.get(field) is not None and not isinstance(filters[field], kind)
    }
    if (status := filters.get("status")) is not None and status not in list(ItemStatus):
        wrong["status"] = f"must be one of {', '.join(ItemStatus)}"
    if isinstance(filters.get("queue_ids"), str):
        wrong["queue_ids"] = "must be several ids"
    if wrong:
        raise ValidationFailed(details=wrong)


def _conditions(items: type[QueueItem], filters: ItemFilters) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if (status := filters.get("status")) is not None:
        where.append(items.status == status)
    if (queue_ids := filters.get("queue_ids")) is not None:
        where.append(one_of(items.queue_id, [queue_id for queue_id in queue_ids if is_id(queue_id)]))
    if (task := filters.get("task")) is not None:
        where.append(items.task == task if _storable(task) else false())
    if (tag := filters.get("tag")) is not None:
        where.append(items.tags.contains([tag]) if _storable(tag) else false())
    if error := filters.get("error"):
        where.append(matches(error, items.error_message))
    return where + _created(items, filters)


def _created(items: type[QueueItem], filters: ItemFilters) -> list[ColumnElement[bool]]:
    first, end = filters.get("created_from"), filters.get("created_before")
    given = {"created_from": first, "created_before": end}
    if wrong := {name: "must say its time zone" for name, instant in given.items() if instant and not instant.tzinfo}:
        raise ValidationFailed(details=wrong)
    where = [] if first is None else [items.created_at >= first]
    return where if end is None else [*where, items.created_at < end]


def _storable(text: str) -> bool:
    return json_values.problem(text) is None


def _outcome_rules(queue_id: str, attempts: int, lease_seconds: int, *backoff: Any) -> OutcomeRules:
    policy, base, factor, cap, jitter, delays = backoff
    rules = Backoff(policy, base, factor, cap, jitter, tuple(delays))
    return OutcomeRules(queue_id, attempts, lease_seconds, rules)


def _item(row: Sequence[Any]) -> Item:
    identity, queue_id, payload, status, *rest = row
    return Item(identity, queue_id, payload, ItemStatus(status), *rest)
