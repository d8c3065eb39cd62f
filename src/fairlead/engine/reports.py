"""Reports: what a worker says of items it holds, as the engine's statements take them.

One JSON array a batch, sorted by id so that two batches lock in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, Protocol

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement


@dataclass(frozen=True, slots=True)
class Lease:
    """The fence of one claimed item: its id and how often it had been claimed.

    Its queue may be left out, and is looked up then.
    """

    organization_id: str
    id: str
    claims: int
    queue_id: str = field(default="", compare=False)


class Leased(Protocol):
    """Anything that shows a lease: a Lease, or the claimed item itself."""

    @property
    def organization_id(self) -> str:
        """The organization it belongs to."""

    @property
    def id(self) -> str:
        """The item."""

    @property
    def claims(self) -> int:
        """The fencing number."""

    @property
    def queue_id(self) -> str:
        """Its queue, or nothing."""


# A share of the batch's queues, before any item is locked: what finishes an item has to insert it again, whose foreign
# key takes the share, and a queue's deletion locks the queue first and then its items.
QUEUES_SHARED = """
queue as materialized (
    select q.id
    from (
        select distinct r.organization_id, coalesce(nullif(r.queue_id, ''), (
            select i.queue_id from {items} i where i.organization_id = r.organization_id and i.id = r.id)) as queue_id
        from report r
        order by 1, 2
    ) r
    cross join lateral (
        select q.id from queues q where q.organization_id = r.organization_id and q.id = r.queue_id for key share
    ) q
)""".strip()
_SHARED_FIRST = "\n            and (select count(*) from queue) >= 0"

_REPORT = """
report as materialized (
    select distinct on (r.id, r.organization_id, r.claims) r.*
    from jsonb_to_recordset(:reports) as r (
        organization_id text, queue_id text, id text, claims integer{said})
    order by r.id, r.organization_id, r.claims
)""".strip()

# Finds the rows of a batch by key alone and locks them in id order; the fence is evaluated on the locked row. The
# lateral sub-select cannot be flattened, so this is one index probe an item whatever the statistics say.
_HELD = """
held as materialized (
    select r.*, i.*
    from report r
    cross join lateral (
        select i.ctid as row, i.queue_id as of_queue, i.counted, i.ordering_key,
            i.attempts < i.max_attempts as attempts_left,
            i.status = 'processing' and i.claims = r.claims
                and i.lease_expires_at > statement_timestamp() and i.cancel_requested_at is {asked} as current
        from queue_items_live i
        where i.organization_id = r.organization_id and i.id = r.id{shared_first}
        for update{skips}
    ) i
)""".strip()


def held(said: str = "", *, finishes: bool = False, cancelled: bool = False, waits: bool = True) -> str:
    """Return the parts that read and lock a batch; `said` are a report's further columns, a comma before each.

    `finishes` says that items may be finished, for which their queues are shared first. A lease on an item that is
    being cancelled is not current, unless the statement is about just those: `cancelled`. Without `waits`, what
    somebody else holds locked is left out, as if it were not there.
    """
    parts = [_REPORT, QUEUES_SHARED.replace("{items}", "queue_items_live"), _HELD] if finishes else [_REPORT, _HELD]
    return (
        ",\n".join(parts)
        .replace("{said}", said)
        .replace("{shared_first}", _SHARED_FIRST if finishes else "")
        .replace("{asked}", "not null" if cancelled else "null")
        .replace("{skips}", "" if waits else " skip locked")
    )


# What the current reports say, by item: looked up, not joined. Of a tenant's rows the planner expects one, whatever the
# statistics say, and joins it to the batch by comparing each item with each: 250,000 comparisons for 500 of them.
_SAID: Final = """
said as materialized (
    select jsonb_object_agg(h.organization_id || '/' || h.id, jsonb_build_object({pairs})) as of_item
    from held h
    where h.current
)""".strip()
SAID_OF_ITEM: Final = "(select s.of_item from said s) -> (i.organization_id || '/' || i.id)"


def said(*columns: str) -> str:
    """Return the part that keeps these columns of the current reports; SAID_OF_ITEM finds those of an item `i`."""
    return _SAID.replace("{pairs}", ", ".join(f"'{column}', h.{column}" for column in columns))


# Whether the queue of an item `i` is not deleted. A scalar sub-select is one probe whatever the statistics say.
QUEUE_IS_THERE = (
    "(select q.deleted_at is null from queues q where q.organization_id = i.organization_id and q.id = i.queue_id)"
)

# Every column a finished item takes along unchanged.
_KEPT = [
    "organization_id",
    "id",
    "queue_id",
    "payload",
    "priority",
    "attempts",
    "max_attempts",
    "scheduled_for",
    "started_at",
    "created_at",
    "task",
    "unique_key",
    "unique_while",
    "ordering_key",
    "progress",
    "worker_id",
    "claims",
    "seq",
    "ready",
    "blocked",
    "trace",
    "tags",
]
KEPT = ", ".join(_KEPT)
KEPT_OF_TAKEN = ", ".join(f"t.{column}" for column in _KEPT)


async def run_fenced(
    session: Session, statement: Statement, parameters: dict[str, Any], *, reports: Sequence[dict[str, Any]]
) -> list[tuple[Any, ...]]:
    """Run an outcome statement for a batch and return its rows for the items that were changed.

    The statement returns `(organization_id, id, changed, …)` for each item whose lease is current. A row that another
    transaction changed (a renewal, say) between our snapshot and our lock is current but not yet visible to this
    statement, so it comes back unchanged: it is locked by us now, and a second run in the same transaction changes it.
    """
    confirmed: list[tuple[Any, ...]] = []
    remaining = sorted(reports, key=_KEY)
    while remaining:
        rows = await session.run(statement, {**parameters, "reports": orjson.dumps(remaining).decode()})
        confirmed += [row for row in rows if row[2]]
        overtaken = {(row[1], row[0]) for row in rows if not row[2]}
        remaining = [report for report in remaining if _KEY(report) in overtaken]
    return confirmed


def lease_report(lease: Leased, **said: Any) -> dict[str, Any]:
    """Return one lease as a report, with what is said of its item."""
    return {
        "organization_id": lease.organization_id,
        "queue_id": lease.queue_id,
        "id": lease.id,
        "claims": lease.claims,
        **said,
    }


_KEY: Final[Callable[[dict[str, Any]], tuple[str, str]]] = itemgetter("id", "organization_id")
