"""Single enqueues of one process, put into the database together.

While one insert for a queue is under way, the items that come for the same queue wait and share the next: there is no
timer, so a lone item does not wait, and under load an item costs a fraction of a transaction.

Promises: a caller gets the id after its item's commit. Items of one queue enter in the order in which they came. What
is wrong with one item, or becomes of its caller, harms no other: a key that is held and a queue that is full refuse
items one by one (`services/each_item.py`), and one that the database cannot store is found by trying halves. When the
database goes away, every caller of that insert is told, and nobody knows whether it was kept. Wake-ups are announced
once an insert, after its commit. Half of the pool's connections, at most, are used at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

import orjson

from fairlead.db.admission import Admission
from fairlead.db.session import Database
from fairlead.db.tenancy import TenantScope
from fairlead.domain import limits
from fairlead.domain.ids import is_id, new_ids
from fairlead.engine.enqueue import Entered
from fairlead.errors import NotFound, RequestError, ValidationFailed
from fairlead.services.each_item import enqueue_each
from fairlead.services.item_rules import ItemInput, check_items
from fairlead.services.items import enqueue_plainly, new_items
from fairlead.services.shared_work import refuse

_BYTES: Final = 4 * 1024 * 1024  # of payloads in one insert; a single item's may be as large as the limit for it


class EnqueuerClosed(RuntimeError):
    """An item was given to an enqueuer that is closed: a mistake of the program, never of its user."""


class _Lane(NamedTuple):
    """Where items share an insert."""

    scope: TenantScope
    queue_id: str


class Put(NamedTuple):
    """The id of an item that was put in, or of its key's holder; `entered` where nothing was limited or unique."""

    id: str
    entered: Entered | None


class _Waiting(NamedTuple):
    """An item, how large it is, and who waits for what becomes of it."""

    item: ItemInput
    size: int
    answer: asyncio.Future[Put]


class Enqueuer:
    """Takes items one by one; `on_enqueued` is told the id of every queue that got some, after the commit."""

    def __init__(self, database: Database, *, on_enqueued: Callable[[str], object] | None = None) -> None:
        self._database = database
        self._on_enqueued = on_enqueued
        self._at_once = Admission(max(1, database.options.pool_size // 2))
        self._waiting: dict[_Lane, deque[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def enqueue(self, scope: TenantScope, *, queue_id: str, item: ItemInput) -> str:
        """Enqueue one item and return its id, or its unique key's holder's: as `enqueue_items` does, and raises.

        A caller that is cancelled while its item still waits has enqueued nothing; later, the item may be there.
        """
        return (await self.put(scope, queue_id=queue_id, item=item)).id

    async def put(self, scope: TenantScope, *, queue_id: str, item: ItemInput) -> Put:
        """Enqueue one item as `enqueue` does, and tell what it got by entering."""
        if self._closed:
            raise EnqueuerClosed("This enqueuer is closed; it takes no more items.")
        check_items([item])
        if not is_id(queue_id):
            raise NotFound
        waiting = _Waiting(item, len(orjson.dumps(item.payload)), asyncio.get_running_loop().create_future())
        lane = _Lane(scope, queue_id)
        if lane in self._waiting:
            self._waiting[lane].append(waiting)
        else:
            self._waiting[lane] = deque([waiting])
            task = asyncio.create_task(self._work_off(lane), name="enqueuer")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await waiting.answer

    async def close(self) -> None:
        """Take no more items and wait until those that were taken are in; safe to call twice."""
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _work_off(self, lane: _Lane) -> None:
        """Put in what waits for one queue until nothing does."""
        waiting = self._waiting[lane]
        batch: Sequence[_Waiting] = ()
        try:
            while waiting:
                await self._at_once.enter(lane.scope.organization_id)
                try:
                    batch = _next_batch(waiting)
                    if batch:
                        await self._put_in(lane, batch)
                finally:
                    self._at_once.leave(lane.scope.organization_id)
        finally:  # cancelled by nobody but the loop's end
            del self._waiting[lane]
            for left in (*batch, *waiting):
                left.answer.cancel()

    async def _put_in(self, lane: _Lane, batch: Sequence[_Waiting]) -> None:
        """Put items in together, and tell each caller what became of its own."""
        try:
            answers = await self._enqueued(lane, [waiting.item for waiting in batch])
        except ValidationFailed as error:
            if len(batch) == 1:
                refuse(batch[0].answer, error)
                return
            middle = len(batch) // 2
            await self._put_in(lane, batch[:middle])
            await self._put_in(lane, batch[middle:])
        except Exception as error:  # noqa: BLE001 - it is the callers', whatever it is
            for waiting in batch:
                refuse(waiting.answer, error)
        else:
            self._tell(lane.queue_id, batch, answers)

    def _tell(self, queue_id: str, batch: Sequence[_Waiting], answers: Sequence[Put | RequestError]) -> None:
        if self._on_enqueued is not None and any(isinstance(answer, Put) for answer in answers):
            self._on_enqueued(queue_id)
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.answer.done():
                continue  # its caller was cancelled
            if isinstance(answer, Put):
                waiting.answer.set_result(answer)
            else:
                waiting.answer.set_exception(answer)

    async def _enqueued(self, lane: _Lane, items: Sequence[ItemInput]) -> Sequence[Put | RequestError]:
        """Enqueue items in one message where neither they nor their queue ask for more, else in a unit of work."""
        scope, queue_id = lane
        ids = new_ids(len(items))
        alone = self._database.alone(scope)
        if entered := await enqueue_plainly(alone, scope, queue_id=queue_id, ids=ids, items=items):
            return [Put(item_id, entered) for item_id in ids]
        new, policies = new_items(ids, items), [item.on_conflict for item in items]
        async with self._database.unit_of_work(scope) as session:
            answers = await enqueue_each(session, scope, queue_id=queue_id, items=new, policies=policies)
        return [Put(answer, None) if isinstance(answer, str) else answer for answer in answers]


def _next_batch(waiting: deque[_Waiting]) -> Sequence[_Waiting]:
    """Take out those that share the next insert, the first that came; whose caller was cancelled is left out."""
    batch: list[_Waiting] = []
    size = 0
    while waiting and len(batch) < limits.BATCH_ITEMS and (not batch or size + waiting[0].size <= _BYTES):
        first = waiting.popleft()
        if not first.answer.done():
            batch.append(first)
            size += first.size
    return batch
