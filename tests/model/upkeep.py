"""What rescues, promotions and turns come to, in the model.

Which of several items that are alike come first is the engine's to choose; what it chose is checked and followed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.model.world import Item, Key, World

SPREAD_FROM = 2  # attempts after which rescued items come back at different moments
SPREAD_SECONDS = 10


def _chosen(candidates: Sequence[Item], chosen: set[str], *, most: int, by: str) -> list[Item]:
    """Return the candidates that were chosen, after checking that they are the first `most` of them."""
    picked = [item for item in candidates if item.id in chosen]
    assert len(picked) == len(chosen) == min(most, len(candidates)), "as many as there are, and no other"
    first = sorted(getattr(item, by) for item in candidates)[: len(picked)]
    assert sorted(getattr(item, by) for item in picked) == first, "those that are first"
    return picked


def rescue(world: World, *, most: int, chosen: set[str]) -> dict[str, str]:
    """Take back items whose leases ran out; return by item what became of each. Their due times are not known yet."""
    late = [item for item in world.items.values() if item.lease_end is not None and item.lease_end <= world.now]
    rescued = _chosen(late, chosen, most=most, by="lease_end")
    for item in rescued:
        item.errors = min(10, item.errors + 1)
        if item.cancel_asked is not None:
            world.leave(item, "cancelled")
        elif item.attempts < item.max_attempts:
            world.leave(item, "waiting")
            item.ready, item.due = item.attempts < SPREAD_FROM, None
            world.last(item)
        else:
            world.leave(item, "failed")
    world.note(*(item for item in rescued if item.status != "waiting"))
    return {item.id: item.status for item in rescued}


def promote(world: World, *, most: int, chosen: set[str]) -> list[str]:
    """Make due items ready, those due first coming first; return the queue of each."""
    due = [item for item in world.items.values() if item.is_due(world.now)]
    promoted = _chosen(due, chosen, most=most, by="due")
    for item in promoted:
        item.ready = True
        world.last(item, rank=item.due or 0)
    return sorted(item.queue_id for item in promoted)


def prune(world: World, *, most: int, left: set[str]) -> int:
    """Remove finished items that their queues keep no longer, and keys whose period is over."""
    over = {item.id for item in world.items.values() if _is_over(world, item)}
    gone = world.items.keys() - left
    assert gone <= over, "nothing goes before its time"
    assert len(gone) == min(most, len(over)), "as many as there are"
    for item_id in gone:
        del world.items[item_id]
    world.periods = {key: period for key, period in world.periods.items() if period.end > world.now}
    return len(gone)


def _is_over(world: World, item: Item) -> bool:
    kept = world.queues[item.queue_id].retention_seconds
    return item.finished_at is not None and kept is not None and item.finished_at <= world.now - kept


def advance(world: World, *, most: int, left: Counter[Key]) -> tuple[int, set[str]]:
    """Read the notes that are not `left`; return how many, and the queues in which something is ready now."""
    read = world.notes - left
    assert left <= world.notes, "no note comes up by itself"
    assert read.total() == min(most, world.notes.total()), "as many as asked for"
    world.notes = +left
    forward = [item for key in read if (item := _next(world, key)) is not None]
    for item in forward:
        item.blocked, item.ready = False, item.due is None or item.due <= world.now
    return read.total(), {item.queue_id for item in forward if item.ready}


def _next(world: World, key: Key) -> Item | None:
    """Return the item of an ordering key that comes forward: the first, when none is before it."""
    alive = [item for item in world.live(key.queue_id) if item.ordering_key == key.key]
    if not all(item.blocked for item in alive):
        return None
    return min(alive, key=lambda item: item.seq or 0, default=None)
