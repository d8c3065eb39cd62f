"""What enqueueing comes to, in the model."""

from __future__ import annotations

from collections.abc import Sequence

from tests.model.world import Item, Key, Period, Queue, World

from fairlead.errors import Conflict, QueueFull
from fairlead.services.item_rules import ItemInput

MAX_ATTEMPTS = 3  # of every queue


def enqueue(
    world: World, organization_id: str, *, queue_id: str, inputs: Sequence[ItemInput], answer: Sequence[str]
) -> list[str]:
    """Enqueue all or none and return their ids, or those of their keys' holders; new ids are taken from `answer`."""
    queue = world.queue(organization_id, queue_id)
    entering = _entering(inputs)
    _insist_on_room(world, queue, entered=sum(asked.unique_key is None for asked in entering.values()))
    holders = {
        index: holder for index, asked in entering.items() if (holder := _holder(world, queue_id, asked)) is not None
    }
    if any(_refuses(inputs, entering[index]) for index in holders):
        raise Conflict
    _insist_on_room(world, queue, entered=len(entering) - len(holders))
    named = {_name(index, inputs[index]): holders.get(index, answer[index]) for index in entering}
    made = [
        _made(world, queue, asked=asked, item_id=answer[index], rank=index)
        for index, asked in entering.items()
        if index not in holders
    ]
    for index, holder_id in holders.items():
        _replace(world, inputs, asked=entering[index], holder_id=holder_id)
    world.note(*made)
    return [named[_name(index, asked)] for index, asked in enumerate(inputs)]


def _insist_on_room(world: World, queue: Queue, *, entered: int) -> None:
    room = world.room(queue)
    if room is not None and entered > room:
        raise QueueFull


def _entering(inputs: Sequence[ItemInput]) -> dict[int, ItemInput]:
    """Return by their place the items that may enter: of those with one key the first, with the last new payload."""
    first: dict[int | str, int] = {}
    entering: dict[int, ItemInput] = {}
    for index, asked in enumerate(inputs):
        place = first.setdefault(_name(index, asked), index)
        if place == index:
            entering[index] = asked
        elif asked.on_conflict == "reject":
            raise Conflict
        elif asked.on_conflict == "replace":
            entering[place] = entering[place]._replace(payload=asked.payload)
    return entering


def _name(index: int, asked: ItemInput) -> int | str:
    return asked.unique_key or index


def _of_key(inputs: Sequence[ItemInput], asked: ItemInput) -> list[str]:
    return [other.on_conflict for other in inputs if other.unique_key == asked.unique_key]


def _refuses(inputs: Sequence[ItemInput], asked: ItemInput) -> bool:
    return "reject" in _of_key(inputs, asked)


def _replace(world: World, inputs: Sequence[ItemInput], *, asked: ItemInput, holder_id: str) -> None:
    holder = world.items.get(holder_id)
    if holder is not None and holder.status == "waiting" and "replace" in _of_key(inputs, asked):
        holder.number = asked.payload["number"]


def _holder(world: World, queue_id: str, asked: ItemInput) -> str | None:
    """Return the item that holds the key asked for, if any."""
    if asked.unique_key is None:
        return None
    if asked.unique_seconds is not None:
        period = world.periods.get(Key(queue_id, asked.unique_key))
        return period.item_id if period is not None and period.end > world.now else None
    holders = [item.id for item in world.live(queue_id) if item.holds_key and item.unique_key == asked.unique_key]
    return holders[0] if holders else None


def _made(world: World, queue: Queue, *, asked: ItemInput, item_id: str, rank: int) -> Item:
    assert item_id not in world.items, "a new item has a new id"
    due = _due(world, asked)
    blocked = asked.ordering_key is not None
    item = Item(
        id=item_id,
        organization_id=queue.organization_id,
        queue_id=queue.id,
        number=asked.payload["number"],
        priority=asked.priority or 0,
        max_attempts=asked.max_attempts or MAX_ATTEMPTS,
        made=world.made,
        due=due,
        ready=not blocked and (due is None or due <= world.now),
        blocked=blocked,
        ordering_key=asked.ordering_key,
        unique_key=asked.unique_key,
        unique_while=asked.held_while,
        rank=rank,
    )
    world.items[item_id] = item
    if asked.unique_key is not None and asked.unique_seconds is not None:
        world.periods[Key(queue.id, asked.unique_key)] = Period(item_id, world.now + int(asked.unique_seconds))
    return item


def _due(world: World, asked: ItemInput) -> float | None:
    if asked.delay_seconds is not None:
        return world.now + asked.delay_seconds
    return None if asked.scheduled_for is None else asked.scheduled_for.timestamp()
