"""A producer that asks for little: one item at a steady rate, and how long each waited for its handler."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bench.peers.common import middle_and_tail
from bench.population import QueueKey, as_fleet
from bench.scenario import ScenarioFailedError
from fairlead.db.connect import DatabaseOptions
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.db.tenancy import tenant
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items

_WAITS = """
select (result ->> 'milliseconds')::float from queue_items
where organization_id = %s and queue_id = %s and status = 'completed' and id = any(%s)
"""
_PATIENCE_SECONDS = 60


def waits(url: str, queue: QueueKey, *, rate: float, goes_on: Callable[[int], bool]) -> list[float]:
    """Enqueue at a rate while `goes_on` (told how many there have been) says so; return each item's milliseconds."""
    ids = asyncio.run(_produce(url, queue, rate, goes_on))
    end = time.monotonic() + _PATIENCE_SECONDS
    with as_fleet(url) as connection:
        while time.monotonic() < end:
            found = [row[0] for row in connection.execute(_WAITS, (queue.organization_id, queue.queue_id, ids))]
            if len(found) == len(ids):
                return found
            time.sleep(0.1)
    raise ScenarioFailedError(f"{len(ids) - len(found)} of {len(ids)} items of the small organization never ran")


def tail(milliseconds: list[float]) -> float:
    """Return the 99th percentile."""
    return middle_and_tail(milliseconds)["p99"]


async def _produce(url: str, queue: QueueKey, rate: float, goes_on: Callable[[int], bool]) -> list[str]:
    options = DatabaseOptions(url=url, application_name="fairlead bench", pool_size=1)
    database, notifier = Database(options), Notifier(options)
    ids: list[str] = []
    scope, began = tenant(queue.organization_id), time.monotonic()
    try:
        while goes_on(len(ids)):
            await asyncio.sleep(max(0.0, began + len(ids) / rate - time.monotonic()))
            item = ItemInput(payload={"sent": time.monotonic()})
            async with database.unit_of_work(scope) as session:
                ids += await enqueue_items(session, scope, queue_id=queue.queue_id, items=[item])
            notifier.announce(queue.queue_id)
    finally:
        await notifier.close()
        await database.close()
    return ids
