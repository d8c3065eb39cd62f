"""The model: what the engine's tables should hold, as dictionaries. Times are whole seconds since 1970."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.fixtures.clock import START

from fairlead.errors import NotFound

LIVE = ("waiting", "processing")
STATUSES = ("waiting", "processing", "completed", "failed", "cancelled")


class Key(NamedTuple):
    """A unique or an ordering key; each queue has its own."""

    queue_id: str
    key: str


@dataclass
class Organization:
    """One organization and its limits."""

    id: str
    max_concurrency: int | None = None
    max_queue_depth: int | None = None


@dataclass
class Queue:
    """One queue and its rules. `rate_started` counts claims by slice of the period."""

    id: str
    organization_id: str
    lease_seconds: int = 30
    max_concurrency: int | None = None
    rate_limit: int | None = None
    rate_period_seconds: int = 60
    max_depth: int | None = None
    retention_seconds: int | None = 604_800
    paused: bool = False
    resume_at: int | None = None
    deleted: bool = False
    rate_slice: int = 0
    rate_started: Counter[int] = field(default_factory=Counter)
    claimed_at: list[int] = field(default_factory=list)


@dataclass
class Item:
    """One item. `seq` None: it gets a new place in the order, after all; those of a lower `rank` come first."""

    id: str
    organization_id: str
    queue_id: str
    number: int
    priority: int
    max_attempts: int
    made: int
    due: float | None = None
    ready: bool = True
    blocked: bool = False
    ordering_key: str | None = None
    unique_key: str | None = None
    unique_while: str | None = None
    status: str = "waiting"
    attempts: int = 0
    claims: int = 0
    errors: int = 0
    lease_end: int | None = None
    cancel_asked: int | None = None
    counted: bool = False
    finished_at: int | None = None
    seq: int | None = None
    rank: float = 0

    @property
    def is_live(self) -> bool:
        """Whether it waits or is worked on."""
        return self.status in LIVE

    @property
    def holds_key(self) -> bool:
        """Whether nobody else may enter with its unique key, but for a period's."""
        lasting = self.unique_while == "active" or (self.unique_while == "waiting" and self.claims == 0)
        return self.is_live and self.unique_key is not None and lasting

    def is_due(self, now: int) -> bool:
        """Whether it waits for nothing but its promotion."""
        later = self.status == "waiting" and not self.ready and not self.blocked
        return later and self.due is not None and self.due <= now


class Period(NamedTuple):
    """Who has a unique key for a time, and until when."""

    item_id: str
    end: int


@dataclass
class World:
    """All there is."""

    now: int = START
    organizations: dict[str, Organization] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    notes: Counter[Key] = field(default_factory=Counter)
    periods: dict[Key, Period] = field(default_factory=dict)
    made: int = 0
    last_seq: int = 0

    def queue(self, organization_id: str, queue_id: str, *, deleted: bool = False) -> Queue:
        """Return a queue of an organization; raises NotFound as the services do."""
        queue = self.queues.get(queue_id)
        if queue is None or queue.organization_id != organization_id or (queue.deleted and not deleted):
            raise NotFound
        return queue

    def own(self, organization_id: str, item_ids: list[str]) -> list[Item]:
        """Return those of the items that an organization sees: its own, not of a deleted queue."""
        found = [self.items[item_id] for item_id in dict.fromkeys(item_ids) if item_id in self.items]
        return [
            item for item in found if item.organization_id == organization_id and not self.queues[item.queue_id].deleted
        ]

    def live(self, queue_id: str) -> Iterator[Item]:
        """Yield a queue's items that wait or are worked on."""
        return (item for item in self.items.values() if item.queue_id == queue_id and item.is_live)

    def taken(self, organization_id: str, queue_id: str | None = None) -> int:
        """Return how many slots of a queue, or of a whole organization, are in use."""
        return sum(
            item.counted
            for item in self.items.values()
            if item.organization_id == organization_id and queue_id in {None, item.queue_id}
        )

    def room(self, queue: Queue) -> int | None:
        """Return how many more items the queue's and the organization's depth let in; None is any number."""
        own = [other for other in self.queues.values() if other.organization_id == queue.organization_id]
        depth = {other.id: sum(1 for _ in self.live(other.id)) for other in own}
        most = self.organizations[queue.organization_id].max_queue_depth
        rooms = [] if queue.max_depth is None else [queue.max_depth - depth[queue.id]]
        rooms += [] if most is None else [most - sum(depth.values())]
        return max(0, min(rooms)) if rooms else None

    def note(self, *items: Item) -> None:
        """Note the ordering keys of what one statement changed, each once."""
        self.notes.update({Key(item.queue_id, item.ordering_key) for item in items if item.ordering_key})

    def leave(self, item: Item, status: str) -> None:
        """End a lease: the item waits or is finished from now on."""
        item.status, item.lease_end, item.counted = status, None, False
        item.finished_at = None if status in LIVE else self.now

    def last(self, item: Item, *, rank: float = 0) -> None:
        """Give an item a new place in the order, after all others."""
        item.seq, item.rank = None, rank
