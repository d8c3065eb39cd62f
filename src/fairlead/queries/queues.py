"""Queues: one, a page of them, and the rules that a claim or an outcome needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, func, not_, select

from fairlead.db.rows import get_row, one_of, visible
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.domain.ids import is_id
from fairlead.errors import NotFound
from fairlead.queries.page import Page, Window, read_page
from fairlead.queries.search import matches
from fairlead.rows import Queue
from fairlead.schema.queues import Queue as QueueTable

CLAIM_RULES: Final = Statement("""
select q.lease_seconds, q.paused_at is not null and (q.resume_at is null or q.resume_at > statement_timestamp())
from queues q
where q.organization_id = :organization_id and q.id = :queue_id and q.deleted_at is null
""")


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What a claim has to know of its queue, by the database's clock."""

    lease_seconds: int
    paused: bool


async def get_queue(session: Session, scope: TenantScope, *, queue_id: str, deleted: bool = False) -> Queue:
    """Return a queue; raises NotFound for an unknown or another organization's one, a deleted one unless asked."""
    return await get_row(session, scope, QueueTable, key={"id": queue_id}, model=Queue, deleted=deleted)


async def get_queue_by_name(session: Session, scope: TenantScope, *, name: str) -> Queue:
    """Return the queue of that name; raises NotFound as `get_queue` does."""
    return await get_row(session, scope, QueueTable, key={"name": name}, model=Queue)


async def get_claim_rules(session: Session, scope: TenantScope, *, queue_id: str) -> ClaimRules:
    """Return what a claim has to know; raises NotFound as `get_queue` does."""
    if not is_id(queue_id):
        raise NotFound
    rows = await session.run(CLAIM_RULES, {"organization_id": scope.organization_id, "queue_id": queue_id})
    if not rows:
        raise NotFound
    return ClaimRules(*rows[0])


async def get_queue_page(
    session: Session,
    scope: TenantScope,
    *,
    window: Window,
    search: str | None = None,
    queue_ids: Collection[str] | None = None,
    paused: bool | None = None,
    deleted: bool = False,
) -> Page[Queue]:
    """Return a page of queues, newest first; `deleted` shows the soft-deleted ones too.

    `search` is found anywhere in the name, in any case, and taken literally; `queue_ids` limits the list to some.
    """
    where = visible(scope, QueueTable, deleted=deleted)
    if search:
        where.append(matches(search, QueueTable.name))
    if queue_ids is not None:
        where.append(_among(queue_ids))
    if paused is not None:
        where.append(_paused() if paused else not_(_paused()))
    return await read_page(session, QueueTable, where=where, window=window, model=Queue)


async def find_queue_ids(session: Session, scope: TenantScope, *, queue_ids: Collection[str]) -> frozenset[str]:
    """Return which of these queues exist here."""
    statement = select(QueueTable.id).where(*visible(scope, QueueTable), _among(queue_ids))
    return frozenset((await session.execute(statement)).scalars())


def _among(queue_ids: Collection[str]) -> ColumnElement[bool]:
    return one_of(QueueTable.id, [queue_id for queue_id in queue_ids if is_id(queue_id)])


def _paused() -> ColumnElement[bool]:
    later = QueueTable.resume_at.is_(None) | (QueueTable.resume_at > func.statement_timestamp())
    return QueueTable.paused_at.is_not(None) & later
