"""Single items, read for many callers at once: those that come while a query is under way share the next.

There is no timer, so a lone caller does not wait. Nobody is answered by a query that began before they came: whoever
has just enqueued an item finds it. What one organization reads neither waits for another's nor meets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import Final, TypeAlias

from fairlead.db.session import Database
from fairlead.db.tenancy import TenantScope
from fairlead.errors import NotFound
from fairlead.queries.items import Item, find_items
from fairlead.services.shared_work import refuse

_MOST: Final = 100  # a query: each item may be as large as a payload can be
_Waiting: TypeAlias = dict[str, asyncio.Future[Item]]


class SharedReads:
    """Reads the items of one process. Used from one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[TenantScope, _Waiting] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def item(self, scope: TenantScope, *, item_id: str) -> Item:
        """Return an item, also of a deleted queue; raises NotFound, and as `Database.alone` does."""
        if scope not in self._waiting:
            self._waiting[scope] = {}
            task = asyncio.create_task(self._work_off(scope), name="shared_reads")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        waiting = self._waiting[scope]
        if item_id not in waiting:
            waiting[item_id] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(waiting[item_id])

    async def _work_off(self, scope: TenantScope) -> None:
        """Read what an organization waits for until it waits for nothing."""
        waiting = self._waiting[scope]
        asked: _Waiting = {}
        try:
            while waiting:
                asked = {item_id: waiting.pop(item_id) for item_id in list(islice(waiting, _MOST))}
                await self._read(scope, asked)
        finally:  # cancelled by nobody but the loop's end
            del self._waiting[scope]
            for left in (*asked.values(), *waiting.values()):
                left.cancel()

    async def _read(self, scope: TenantScope, asked: Mapping[str, asyncio.Future[Item]]) -> None:
        """Read items together, and tell those who asked for each."""
        try:
            found = await find_items(self._database.alone(scope), scope, item_ids=list(asked), deleted=True)
        except Exception as error:  # noqa: BLE001 - it is the callers', whatever it is
            for answer in asked.values():
                refuse(answer, error)
            return
        for item_id, answer in asked.items():
            if item_id not in found:
                refuse(answer, NotFound())
            elif not answer.done():
                answer.set_result(found[item_id])
