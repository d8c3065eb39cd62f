"""What claiming and the outcomes come to, in the model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.model.world import Item, Queue, World

from fairlead.engine.claim import ClaimedItem, Source, Walk
from fairlead.engine.reports import Lease

SLICES = 19  # of a rate's period; the last twenty together never hold more than the rate


class Told(NamedTuple):
    """What a claim tells of an item."""

    id: str
    number: int
    attempts: int
    claims: int
    lease_end: int
    counted: bool


def told(item: ClaimedItem) -> Told:
    """Return what the engine said of an item, as the model says it."""
    end = int(item.lease_expires_at.timestamp())
    return Told(item.id, item.payload["number"], item.attempts, item.claims, end, item.counted)


def claim(world: World, sources: Sequence[Source]) -> list[Told]:
    """Claim from open queues, each within its limits; highest priority first, then in the order of their places."""
    left = {id_: _left(world, id_, made.max_concurrency) for id_, made in world.organizations.items()}
    promised: dict[str, int] = defaultdict(int)
    picked: list[tuple[Item, Source]] = []
    for source in sources:
        queue = world.queues.get(source.queue_id)
        if queue is None or queue.organization_id != source.organization_id or not _is_open(world, queue):
            continue
        own, most = _own(world, queue, source.take), left[queue.organization_id]
        room = own if most is None else min(own, most - promised[queue.organization_id])
        promised[queue.organization_id] += own
        picked += [(item, source) for item in _ready(world, source)[: max(0, room)]]
    claimed = [_claim(world, item, lease_seconds=source.lease_seconds) for item, source in picked]
    return [_told(item) for item in sorted(claimed, key=_place)]


def _is_open(world: World, queue: Queue) -> bool:
    resumed = queue.resume_at is not None and queue.resume_at <= world.now
    return not queue.deleted and (not queue.paused or resumed)


def _left(world: World, organization_id: str, most: int | None) -> int | None:
    return None if most is None else most - world.taken(organization_id)


def _own(world: World, queue: Queue, take: int) -> int:
    """Return how many of `take` the queue's own limits let out."""
    rooms = [take]
    if queue.max_concurrency is not None:
        rooms.append(queue.max_concurrency - world.taken(queue.organization_id, queue.id))
    if queue.rate_limit is not None:
        rooms.append(queue.rate_limit - _started(queue, _slice(world, queue)))
    return max(0, min(rooms))


def _slice(world: World, queue: Queue) -> int:
    return world.now * SLICES // queue.rate_period_seconds


def _started(queue: Queue, now: int) -> int:
    """Return the claims that count against the rate; a clock or a period that jumped leaves none."""
    if abs(now - queue.rate_slice) > SLICES:
        return 0
    newest = max(now, queue.rate_slice)
    return sum(count for slice_, count in queue.rate_started.items() if newest - SLICES <= slice_ <= newest)


def _ready(world: World, source: Source) -> list[Item]:
    ready = sorted(
        (item for item in world.live(source.queue_id) if item.status == "waiting" and item.ready), key=_place
    )
    return [item for walk in source.walks for item in ready if _on(walk, item)]


def _on(walk: Walk, item: Item) -> bool:
    return walk.lowest <= item.priority <= walk.highest and (item.seq or 0) > walk.above


def _place(item: Item) -> tuple[int, int]:
    return -item.priority, item.seq or 0


def _claim(world: World, item: Item, *, lease_seconds: int | None) -> Item:
    queue = world.queues[item.queue_id]
    organization = world.organizations[item.organization_id]
    item.status = "processing"
    item.attempts += 1
    item.claims += 1
    item.lease_end = world.now + (lease_seconds or queue.lease_seconds)
    limits = (queue.max_concurrency, queue.rate_limit, organization.max_concurrency)
    item.counted = any(limit is not None for limit in limits)
    if queue.rate_limit is not None:
        _count(queue, _slice(world, queue))
        queue.claimed_at.append(world.now)
    return item


def _count(queue: Queue, now: int) -> None:
    if abs(now - queue.rate_slice) > SLICES:
        queue.rate_started.clear()
        queue.rate_slice = now
    queue.rate_slice = max(now, queue.rate_slice)
    queue.rate_started[queue.rate_slice] += 1


def _told(item: Item) -> Told:
    return Told(item.id, item.number, item.attempts, item.claims, item.lease_end or 0, item.counted)


def current(world: World, leases: Sequence[Lease], *, cancelled: bool = False) -> Iterator[tuple[int, Item]]:
    """Yield the items whose leases are current, each with the place of its lease among those shown.

    Those that are being cancelled are not, except to their end: `cancelled`.
    """
    for place, lease in enumerate(leases):
        item = world.items.get(lease.id)
        if item is None or item.status != "processing" or item.claims != lease.claims or not _lasts(world, item):
            continue
        if (item.cancel_asked is not None) is cancelled:
            yield place, item


def _lasts(world: World, item: Item) -> bool:
    return item.lease_end is not None and item.lease_end > world.now


def renew(world: World, leases: Sequence[Lease], *, lease_seconds: int) -> dict[str, int]:
    """Extend the current leases, and shorten none; return their ends by item."""
    ends = {}
    for _, item in current(world, leases):
        ends[item.id] = item.lease_end = max(item.lease_end or 0, world.now + lease_seconds)
    return ends


def complete(world: World, leases: Sequence[Lease]) -> set[str]:
    """Complete what is held; accepted is also what the very lease had completed before."""
    done = [item for _, item in current(world, leases)]
    for item in done:
        world.leave(item, "completed")
    world.note(*done)
    before = {lease.id for lease in leases if _completed(world, lease)}
    return before | {item.id for item in done}


def end_cancelled(world: World, leases: Sequence[Lease]) -> set[str]:
    """End what is held and being cancelled."""
    ended = [item for _, item in current(world, leases, cancelled=True)]
    for item in ended:
        world.leave(item, "cancelled")
    world.note(*ended)
    return {item.id for item in ended}


def _completed(world: World, lease: Lease) -> bool:
    item = world.items.get(lease.id)
    return item is not None and (item.status, item.claims) == ("completed", lease.claims)


def fail(world: World, leases: Sequence[Lease], *, delays: Mapping[int, int], give_up: bool) -> dict[str, str]:
    """Fail what is held; return by item what became of it. `delays` are by the place of the lease."""
    held = list(current(world, leases))
    for place, item in held:
        item.errors = min(10, item.errors + 1)
        if item.attempts < item.max_attempts and not give_up:
            _put_off(world, item, delays[place])
        else:
            world.leave(item, "failed")
    world.note(*(item for _, item in held if item.status == "failed"))
    return {item.id: item.status for _, item in held}


def snooze(world: World, leases: Sequence[Lease], *, delays: Mapping[int, int]) -> set[str]:
    """Put off what is held, as if it had not been claimed."""
    held = list(current(world, leases))
    for place, item in held:
        item.attempts -= 1
        _put_off(world, item, delays[place])
    return {item.id for _, item in held}


def _put_off(world: World, item: Item, delay: int) -> None:
    world.leave(item, "waiting")
    item.due, item.ready = world.now + delay, delay <= 0
    world.last(item)


def release(world: World, leases: Sequence[Lease]) -> set[str]:
    """Give back what is held, to its place, as if it had not been claimed."""
    held = [item for _, item in current(world, leases)]
    for item in held:
        item.attempts -= 1
        world.leave(item, "waiting")
    return {item.id for item in held}
