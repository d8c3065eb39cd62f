"""Work off: run the handlers of an application on what is ready, here and now, without the loops of a worker.

For tests and scripts. It claims, executes and reports as a worker does, one item after the other; nothing renews the
leases meanwhile, so a handler has to be done within its queue's `lease_seconds`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import system, tenant
from fairlead.domain.ids import new_id
from fairlead.engine.claim import Source, claim
from fairlead.engine.promote import promote
from fairlead.errors import LeaseLost
from fairlead.queries.items import Item, get_item
from fairlead.queries.ready_sources import ReadyQueue, ready_sources
from fairlead.worker.execute import CANCELLED_ITSELF, abandoned, execute, stop_overdue
from fairlead.worker.held import Held
from fairlead.worker.outcome import Outcome, failed
from fairlead.worker.registry import App
from fairlead.worker.report import report
from fairlead.worker.scout import ORGANIZATIONS_A_TURN, QUEUES_AN_ORGANIZATION

_SCOPE: Final = system("work off the items of every organization")
_WATCH_SECONDS: Final = 0.05
_DUE_ITEMS: Final = 1000


async def work_off(database: Database, app: App, *, most: int = 1000) -> list[Item]:
    """Run the handlers on the ready items of every organization until none is left; return what became of them.

    That is one item for each attempt, in the order of the attempts, as it was right after: completed, failed, or
    waiting for its next attempt. One that is due again at once is worked again; after `most` attempts it is enough.
    What a handler raises becomes its item's error and is not raised here. Raises LeaseLost when an attempt took longer
    than its lease.
    """
    worker_id, worked = new_id(), list[Item]()
    while len(worked) < most and (claimed := await _claimed(database, app, worker_id)):
        worked.append(await _worked(database, app, claimed))
    return worked


async def _claimed(database: Database, app: App, worker_id: str) -> Held | None:
    """Claim one item, the first of a queue that has any."""
    async with database.unit_of_work(_SCOPE) as session:
        await promote(session, _SCOPE, most=_DUE_ITEMS)
        for queue in await _ready(session, app):
            began, sources = time.monotonic(), [Source(queue.organization_id, queue.queue_id, 1)]
            for item in await claim(session, _SCOPE, sources=sources, worker_id=worker_id):
                return Held(item, queue, began)
    return None


async def _ready(session: Session, app: App) -> Sequence[ReadyQueue]:
    """Return ready queues that the application handles, as long as there are any."""
    after = ""
    while True:
        turn = await ready_sources(
            session,
            _SCOPE,
            names=app.queues,
            after=after,
            pivot="",
            organizations=ORGANIZATIONS_A_TURN,
            queues=QUEUES_AN_ORGANIZATION,
        )
        if turn.queues or not turn.next_after:
            return turn.queues
        after = turn.next_after


async def _worked(database: Database, app: App, held: Held) -> Item:
    outcome = await _outcome(app, held)
    scope = tenant(held.claimed.organization_id)
    async with database.unit_of_work(_SCOPE) as session:
        if outcome is None or not await report(session, outcome):
            raise LeaseLost
        return await get_item(session, scope, item_id=held.claimed.id, deleted=True)


async def _outcome(app: App, held: Held) -> Outcome | None:
    """Run the handler in a task of its own, which is stopped when the handler has run longer than it may."""
    runner = asyncio.create_task(execute(app, held))
    try:
        while not (await asyncio.wait([runner], timeout=_WATCH_SECONDS))[0]:
            if stop_overdue([held]):
                return abandoned(app, held)
        return failed(held, CANCELLED_ITSELF) if runner.cancelled() else runner.result()
    finally:
        runner.cancel()
