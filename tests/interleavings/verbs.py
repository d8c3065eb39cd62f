"""The verbs, each on all it can be about, and its answer in a form that two runs can be compared by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.fixtures.clock import START
from tests.interleavings.ground import FAILED, FLEET, HELD, LEASES, ORGANIZATION, OURS, QUEUE, WAITING

from fairlead.db.session import Session
from fairlead.db.tenancy import Scope
from fairlead.engine.cancel import cancel
from fairlead.engine.claim import Source, claim
from fairlead.engine.complete import Completion, complete
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.fail import Failure, fail
from fairlead.engine.renew import renew
from fairlead.engine.rescue import rescue
from fairlead.engine.retry import retry
from fairlead.engine.snooze import Snooze, snooze
from fairlead.services.items import retry_matching
from fairlead.services.queues import delete_queue

_LATER = START + 60  # the leases of the ground have run out by then


@dataclass(frozen=True)
class Verb:
    """What a transaction does, in whose name, and when by the database's clock."""

    name: str
    work: Callable[[Session], Awaitable[Any]]
    scope: Scope = FLEET
    now: int = START


async def _claim(session: Session) -> Any:
    items = await claim(session, FLEET, sources=[Source(ORGANIZATION, QUEUE, 10)], worker_id="worker")
    return sorted((item.id, item.claims, item.attempts) for item in items)


async def _renew(session: Session) -> Any:
    ends = await renew(session, FLEET, leases=LEASES, lease_seconds=300)
    return sorted((item_id, end.timestamp()) for item_id, end in ends.items())


async def _complete(session: Session) -> Any:
    return sorted(await complete(session, FLEET, completions=[Completion(lease, {"by": 1}) for lease in LEASES]))


async def _fail(session: Session) -> Any:
    return sorted((await fail(session, FLEET, failures=[Failure(lease, "no", 5) for lease in LEASES])).items())


async def _rescue(session: Session) -> Any:
    return sorted((item.id, item.status) for item in await rescue(session, FLEET, most=100))


async def _cancel(session: Session) -> Any:
    found = await cancel(session, OURS, item_ids=[*WAITING, *HELD, *FAILED])
    return [(item.id, item.status_before, item.worker_id, item.ended) for item in found]


async def _end_cancelled(session: Session) -> Any:
    return sorted(await end_cancelled(session, FLEET, leases=LEASES))


async def _retry(session: Session) -> Any:
    return [item.id for item in await retry(session, OURS, item_ids=[*FAILED, *HELD])]


async def _snooze(session: Session) -> Any:
    return sorted(await snooze(session, FLEET, snoozes=[Snooze(lease, 7) for lease in LEASES]))


async def _delete_queue(session: Session) -> Any:
    await delete_queue(session, OURS, queue_id=QUEUE)


async def _bulk_retry(session: Session) -> Any:
    return [item.id for item in await retry_matching(session, OURS, queue_id=QUEUE)]


VERBS = (
    Verb("claim", _claim),
    Verb("renew", _renew),
    Verb("complete", _complete),
    Verb("fail", _fail),
    Verb("rescue", _rescue, now=_LATER),
    Verb("cancel", _cancel, OURS),
    Verb("end-cancelled", _end_cancelled),
    Verb("retry", _retry, OURS),
    Verb("snooze", _snooze),
    Verb("delete-queue", _delete_queue, OURS),
    Verb("bulk-retry", _bulk_retry, OURS),
)
