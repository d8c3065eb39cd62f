"""What changes by people come to, in the model: of items, and of queues and their limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.model.world import LIVE, Item, Key, Queue, World

from fairlead.errors import Conflict, NotFound, QueueFull, ValidationFailed


def cancel(
    world: World, organization_id: str, *, item_ids: list[str], deadline_seconds: int | None
) -> set[tuple[str, str, bool]]:
    """Cancel what waits or is worked on; return each with its status before, and whether it has ended.

    What somebody holds is only asked for, and its lease may end earlier.
    """
    live = [item for item in world.own(organization_id, item_ids) if item.is_live]
    asked = [item for item in live if item.lease_end is not None and item.lease_end > world.now]
    ended = [item for item in live if item not in asked]
    answer = {(item.id, item.status, item in ended) for item in live}
    for item in ended:
        world.leave(item, "cancelled")
    world.note(*ended)
    for item in asked:
        item.cancel_asked = item.cancel_asked or world.now
        if deadline_seconds is not None:
            item.lease_end = min(item.lease_end or 0, world.now + deadline_seconds)
    return answer


def retry(world: World, organization_id: str, *, item_ids: list[str], chosen: set[str]) -> set[str]:
    """Let finished items wait once more; of several with one unique key the one that was `chosen`."""
    finished = [item for item in world.own(organization_id, item_ids) if not item.is_live]
    again = _keys_won([item for item in finished if not _key_is_held(world, item)], chosen)
    _insist_on_room(world, [world.queues[item.queue_id] for item in again])
    for rank, item in enumerate(sorted(again, key=lambda item: (item.finished_at or 0, item.seq or 0))):
        world.leave(item, "waiting")
        item.attempts, item.due, item.cancel_asked = 0, None, None
        item.blocked = item.ordering_key is not None
        item.ready = not item.blocked
        world.last(item, rank=rank)
    world.note(*again)
    return {item.id for item in again}


def _would_hold(item: Item) -> bool:
    lasting = item.unique_while == "active" or (item.unique_while == "waiting" and item.claims == 0)
    return item.unique_key is not None and lasting


def _key_is_held(world: World, item: Item) -> bool:
    if not _would_hold(item):
        return False
    return any(other.holds_key and other.unique_key == item.unique_key for other in world.live(item.queue_id))


def _keys_won(candidates: list[Item], chosen: set[str]) -> list[Item]:
    """Return those that may wait: all without a key to hold, and of each key one."""
    keyed: dict[Key, list[Item]] = {}
    for item in candidates:
        if _would_hold(item):
            keyed.setdefault(Key(item.queue_id, item.unique_key or ""), []).append(item)
    # Nobody is chosen when there was no room.
    winners = [next((item for item in rivals if item.id in chosen), rivals[0]) for rivals in keyed.values()]
    return winners + [item for item in candidates if not _would_hold(item)]


def _insist_on_room(world: World, entered: list[Queue]) -> None:
    for queue in {queue.id: queue for queue in entered}.values():
        if queue.max_depth is not None:
            depth = sum(1 for _ in world.live(queue.id))
            _insist(depth + sum(other is queue for other in entered) <= queue.max_depth)
    for organization in {queue.organization_id for queue in entered}:
        most = world.organizations[organization].max_queue_depth
        depth = sum(item.is_live and item.organization_id == organization for item in world.items.values())
        _insist(most is None or depth + len(entered) <= most)


def _insist(room: bool) -> None:
    if not room:
        raise QueueFull


def update(world: World, organization_id: str, *, item_id: str, changes: Mapping[str, Any]) -> str:
    """Change an item that waits; return its id."""
    items = world.own(organization_id, [item_id])
    if not items:
        raise NotFound
    item = items[0]
    if item.status != "waiting":
        raise Conflict
    if changes.get("max_attempts", item.max_attempts) <= item.attempts:
        raise ValidationFailed
    item.number = changes.get("payload", {}).get("number", item.number)
    item.priority = changes.get("priority", item.priority)
    item.max_attempts = changes.get("max_attempts", item.max_attempts)
    if "scheduled_for" in changes:
        _reschedule(world, item, changes["scheduled_for"])
    return item.id


def _reschedule(world: World, item: Item, instant: Any) -> None:
    item.due = None if instant is None else instant.timestamp()
    is_due = item.due is None or item.due <= world.now
    if is_due and not item.ready and not item.blocked:
        world.last(item)
    item.ready = is_due and not item.blocked


def delete(world: World, organization_id: str, *, item_ids: list[str]) -> set[str]:
    """Delete what waits or is finished."""
    gone = [item for item in world.own(organization_id, item_ids) if item.status != "processing"]
    world.note(*(item for item in gone if item.status in LIVE))
    for item in gone:
        del world.items[item.id]
    return {item.id for item in gone}


def pause(world: World, organization_id: str, *, queue_id: str, resume_at: int | None) -> None:
    """Let nothing be claimed from a queue, or nothing until then."""
    queue = world.queue(organization_id, queue_id)
    queue.paused, queue.resume_at = True, resume_at


def resume(world: World, organization_id: str, *, queue_id: str) -> None:
    """Open a queue."""
    queue = world.queue(organization_id, queue_id)
    queue.paused, queue.resume_at = False, None


def limit_queue(world: World, organization_id: str, *, queue_id: str, changes: Mapping[str, Any]) -> None:
    """Change a queue's limits."""
    queue = world.queue(organization_id, queue_id)
    newly = queue.max_concurrency is None and changes.get("max_concurrency") is not None
    for name, value in changes.items():
        setattr(queue, name, value)
    if "rate_limit" in changes:
        queue.claimed_at = []  # under another rate
    if newly:
        _count_late(world, organization_id)


def limit_organization(world: World, organization_id: str, *, changes: Mapping[str, Any]) -> None:
    """Change an organization's limits."""
    organization = world.organizations[organization_id]
    newly = organization.max_concurrency is None and changes.get("max_concurrency") is not None
    for name, value in changes.items():
        setattr(organization, name, value)
    if newly:
        _count_late(world, organization_id)


def _count_late(world: World, organization_id: str) -> None:
    """Let what is worked on take slots where the concurrency is limited."""
    most_in_all = world.organizations[organization_id].max_concurrency
    for item in world.items.values():
        limits = (most_in_all, world.queues[item.queue_id].max_concurrency)
        if item.organization_id == organization_id and item.status == "processing" and any(limits):
            item.counted = True


def delete_queue(world: World, organization_id: str, *, queue_id: str) -> None:
    """Delete a queue with everything in it."""
    world.queue(organization_id, queue_id, deleted=True)
    del world.queues[queue_id]
    world.items = {item.id: item for item in world.items.values() if item.queue_id != queue_id}
    world.periods = {key: period for key, period in world.periods.items() if key.queue_id != queue_id}
    for key in [key for key in world.notes if key.queue_id == queue_id]:
        del world.notes[key]


def hide_queue(world: World, organization_id: str, *, queue_id: str) -> None:
    """Soft-delete a queue."""
    world.queue(organization_id, queue_id).deleted = True


def restore_queue(world: World, organization_id: str, *, queue_id: str) -> None:
    """Bring a soft-deleted queue back; one that is there stays."""
    world.queue(organization_id, queue_id, deleted=True).deleted = False
