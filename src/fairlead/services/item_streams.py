"""Streams of items: any number of them into one queue, in one transaction, in constant memory."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Final

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.ids import is_id, new_ids
from fairlead.engine.enqueue import NewItem
from fairlead.engine.enqueue_copy import enqueue_copy
from fairlead.engine.enqueue_limited import room_for
from fairlead.errors import NotFound, QueueFull, ValidationFailed
from fairlead.services.item_rules import ItemInput, problems_of
from fairlead.services.items import new_item

_DRAWN_TOGETHER: Final = 500


async def enqueue_stream(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str,
    items: Iterable[ItemInput] | AsyncIterable[ItemInput],
    named: Callable[[str], object] | None = None,
) -> int:
    """Enqueue items as they come, by COPY, all or none; return how many. They cannot be unique.

    `named` is told each item's id, in order, before anybody knows whether it will be there. `items` is read while they
    are sent, once; what it raises passes through, and then nothing is enqueued. Raises ValidationFailed naming the
    first wrong item, NotFound when there is no such queue here, and QueueFull.
    """
    if not is_id(queue_id):
        raise NotFound
    async with session.savepoint():
        room = await room_for(session, scope, queue_id=queue_id)
        told = named or _nobody
        checked = _checked_async(items, told) if isinstance(items, AsyncIterable) else _checked(items, told)
        made = await enqueue_copy(session, scope, queue_id=queue_id, items=checked, room=room)
        if made is None:
            await room_for(session, scope, queue_id=queue_id)  # raises when it is the queue that is gone
            raise QueueFull(f"This queue takes {max(room or 0, 0):,} more item(s) now, and these were more.")
        return made


def _nobody(_item_id: str) -> None:
    return None


def _checked(items: Iterable[ItemInput], named: Callable[[str], object]) -> Iterator[NewItem]:
    for place, (item_id, item) in enumerate(zip(_ids(), items)):  # noqa: B905 - there are ids without end
        made = _new(item_id, item, place)
        named(made.id)
        yield made


async def _checked_async(items: AsyncIterable[ItemInput], named: Callable[[str], object]) -> AsyncIterator[NewItem]:
    ids, place = _ids(), 0
    async for item in items:
        made = _new(next(ids), item, place)
        named(made.id)
        yield made
        place += 1


def _ids() -> Iterator[str]:
    """Yield ids without end; drawn together they cost a tenth."""
    while True:
        yield from new_ids(_DRAWN_TOGETHER)


def _new(item_id: str, item: ItemInput, place: int) -> NewItem:
    problems = problems_of(item)
    if not problems and item.unique_key is not None:
        problems = {"unique_key": "cannot be given in a stream; enqueue such items in batches"}
    if problems:
        raise ValidationFailed(details={f"items[{place}].{field}": problem for field, problem in problems.items()})
    return new_item(item_id, item)
