"""Claim: hand ready items to one worker, some from each of several queues, within every limit.

waiting and ready → processing; attempts and claims + 1; a fresh lease of the queue's length.  Locks: the picked items
only, skipping what is locked, so it never waits.  Index: queue_items_queue_idx, one walk a source in the order of
priority, then arrival.

A queue that is paused or deleted, or whose organization is, gives nothing. One with a limit of its own or of its
organization's is left to `engine/claim_limited.py`; this statement only says that there is one.

Rows come back in no order (`returning` has none); `claim` sorts them. Which queues to ask, for how many items, and from
where in their order on (`Walk`: past entries that are dead but not vacuumed), is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope
from fairlead.domain.limits import PRIORITY
from fairlead.engine.accounts import counters_of
from fairlead.engine.claim_limited import CLAIM_LIMITED, CLAIM_LIMITED_WALKS
from fairlead.engine.claim_parts import ANSWER, SOURCE, claimed
from fairlead.engine.reports import Lease


def _statement(*, walks: bool) -> Statement:
    return Statement(
        """
with {source},
{claimed},
{counters}
{answer}
""",
        source=SOURCE,
        claimed=claimed("(select * from source where not limited order by place)", limited="false", walks=walks),
        counters=counters_of("claimed", waiting="-count(*)", processing="count(*)"),
        answer=ANSWER.replace("{again}", "(select * from source where limited)"),
    )


CLAIM: Final = _statement(walks=False)
CLAIM_WALKS: Final = _statement(walks=True)


class Walk(NamedTuple):
    """A part of a queue's order: priorities from `highest` down to `lowest`, and in each the items after `above`."""

    highest: int = PRIORITY
    lowest: int = -PRIORITY
    above: int = 0


WHOLE: Final = (Walk(),)


@dataclass(frozen=True, slots=True)
class Source:
    """A queue to claim from, at most how many items, and for how long; None is the queue's own lease.

    `walks` are gone in turn, from the highest priority on. `limited` False, when the caller believes that neither the
    queue nor its organization has limits, is quicker, and a little slower when it is wrong.
    """

    organization_id: str
    queue_id: str
    take: int
    lease_seconds: int | None = None
    walks: Sequence[Walk] = WHOLE
    limited: bool = True


class ClaimedItem(NamedTuple):
    """An item under a fresh lease; `claims` is the fencing number."""

    id: str
    organization_id: str
    queue_id: str
    payload: dict[str, Any]
    priority: int
    attempts: int
    max_attempts: int
    claims: int
    lease_expires_at: datetime
    seq: int
    task: str | None
    created_at: datetime
    tags: list[str]
    trace: str | None
    ordering_key: str | None
    lease_seconds: int
    counted: bool
    scheduled_for: datetime | None = None
    started_at: datetime | None = None  # never None of what was just claimed
    unique_key: str | None = None
    error_message: str | None = None
    errors: list[dict[str, Any]] | None = None  # None for none
    progress: dict[str, Any] | None = None

    @property
    def lease(self) -> Lease:
        """What an outcome has to show, without the rest."""
        return Lease(self.organization_id, self.id, self.claims, self.queue_id)


async def claim(session: Session, scope: Scope, *, sources: Sequence[Source], worker_id: str) -> list[ClaimedItem]:
    """Claim up to `take` items from each source; highest priority first, then oldest. A tenant gets its own only."""
    own = [source for source in sources if scope.organization_id in {"", source.organization_id}]
    limited = [source for source in own if source.limited]
    unlimited = [source for source in own if not source.limited]
    walks = any(source.walks != WHOLE for source in own)
    items, again = await _claimed(session, CLAIM_WALKS if walks else CLAIM, unlimited, worker_id=worker_id)
    limited += [source for source in unlimited if source.queue_id in again]
    while limited:  # the first claim of a queue opens its slots, and gives nothing yet
        statement = CLAIM_LIMITED_WALKS if walks else CLAIM_LIMITED
        more, again = await _claimed(session, statement, limited, worker_id=worker_id)
        items += more
        limited = [source for source in limited if source.queue_id in again]
    return sorted(items, key=_claim_order)


async def _claimed(
    session: Session, statement: Statement, sources: Sequence[Source], *, worker_id: str
) -> tuple[list[ClaimedItem], set[str]]:
    """Return what was claimed, and the queues that are to be asked (again) within their limits."""
    if not sources:
        return [], set()
    written = orjson.dumps([_written(place, source) for place, source in enumerate(sources)]).decode()
    rows = await session.run(statement, {"sources": written, "worker_id": worker_id})
    named = set[str]()
    while rows and rows[-1][0] is None:
        named.add(rows[-1][2])
        rows = rows[:-1]
    return list(map(ClaimedItem._make, rows)), named


def _written(place: int, source: Source) -> dict[str, Any]:
    return {
        "place": place,
        "organization_id": source.organization_id,
        "queue_id": source.queue_id,
        "take": source.take,
        "lease_seconds": source.lease_seconds,
        "walks": [walk._asdict() for walk in source.walks],
    }


def _claim_order(item: ClaimedItem) -> tuple[int, int]:
    return (-item.priority, item.seq)
