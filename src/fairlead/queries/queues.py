"""Queues: one, a page of them, and the rules that a claim or an outcome needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, collate, func, select

from fairlead.db.rows import columns, read_row, read_rows
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope
from fairlead.errors import NotFound
from fairlead.queries.page import Page, Window
from fairlead.schema.queues import Queue as QueueTable

CLAIM_RULES: Final = Statement("""
select q.lease_seconds, q.paused_at is not null and (q.resume_at is null or q.resume_at > statement_timestamp())
from queues q
where q.organization_id = :organization_id and q.id = :queue_id and q.deleted_at is null
""")


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue and its rules; None for a limit means none."""

    id: str
    organization_id: str
    name: str
    description: str | None
    max_concurrency: int | None
    max_attempts: int
    lease_seconds: int
    backoff_policy: str
    backoff_base_seconds: float
    backoff_factor: float
    backoff_cap_seconds: float
    backoff_jitter: bool
    paused_at: datetime | None
    resume_at: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What a claim has to know of its queue, by the database's clock."""

    lease_seconds: int
    paused: bool


async def get_queue(session: Session, scope: TenantScope, *, queue_id: str) -> Queue:
    """Return a queue; raises NotFound for an unknown, deleted or another organization's one."""
    statement = select(*columns(QueueTable, Queue)).where(*_visible(scope), QueueTable.id == queue_id)
    return await read_row(session, statement, model=Queue)


async def get_claim_rules(session: Session, scope: TenantScope, *, queue_id: str) -> ClaimRules:
    """Return what a claim has to know; raises NotFound as `get_queue` does."""
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
) -> Page[Queue]:
    """Return a page of queues, newest first.

    `search` is found anywhere in the name, in any case, and taken literally; `queue_ids` limits the list to some.
    """
    conditions = [*_visible(scope), *_filter(search, queue_ids)]
    statement = (
        select(*columns(QueueTable, Queue))
        .where(*conditions)
        .order_by(QueueTable.created_at.desc(), QueueTable.id.desc())
        .limit(window.limit)
        .offset(window.offset)
    )
    total = (await session.execute(select(func.count()).select_from(QueueTable).where(*conditions))).scalar_one()
    rows = await read_rows(session, statement, model=Queue) if total > window.offset else []
    return Page(tuple(rows), window.page, window.limit, total)


async def find_queue_ids(session: Session, scope: TenantScope, *, queue_ids: Collection[str]) -> frozenset[str]:
    """Return which of these queues exist here."""
    statement = select(QueueTable.id).where(*_visible(scope), QueueTable.id.in_(queue_ids))
    return frozenset((await session.execute(statement)).scalars())


def _visible(scope: TenantScope) -> Sequence[ColumnElement[bool]]:
    return [QueueTable.organization_id == scope.organization_id, QueueTable.deleted_at.is_(None)]


def _filter(search: str | None, queue_ids: Collection[str] | None) -> Iterator[ColumnElement[bool]]:
    if search:
        # Names compare bytewise, where only ASCII has cases; the database's own collation knows more.
        yield collate(QueueTable.name, "default").icontains(search, autoescape=True)
    if queue_ids is not None:
        yield QueueTable.id.in_(queue_ids)
