"""What one worker holds: every claimed item from its claim until its outcome is confirmed or refused.

The event loop adds and removes; the heartbeat's thread takes snapshots and marks losses. Deadlines are this process's
monotonic clock, counted from before the claim was sent, so that they are never later than the database's.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from fairlead.engine.claim import ClaimedItem
from fairlead.queries.ready_sources import ReadyQueue
from fairlead.worker.context import Item

Stop: TypeAlias = Literal["lease lost", "cancelled", "out of time"]
CANCELS: Final = 2  # how often a handler is told to stop before it is abandoned
STOP_AGAIN_SECONDS: Final = 5.0  # how long a handler may take to clean up after a cancellation


@dataclass(slots=True, eq=False)
class Held:
    """One claimed item on its way through the worker."""

    claimed: ClaimedItem
    queue: ReadyQueue
    expires: float  # monotonic seconds from before the claim; once made, at which the lease ends unless renewed
    since: float = field(init=False)  # monotonic seconds from before the claim
    item: Item = field(init=False)
    runner: asyncio.Task[Any] | None = None  # set while the handler runs; cancelling it stops the handler
    ends: float = math.inf  # monotonic seconds at which the handler has run too long
    stopped: Stop | None = None  # why the handler was stopped
    cancels: int = 0  # how often the runner was cancelled for that
    abandoned: bool = False  # whether the handler runs on without anybody waiting for it
    doubted: bool = False  # whether somebody said that the item was cancelled: its lease is to be renewed at once

    def __post_init__(self) -> None:
        claimed = self.claimed
        self.since = self.expires
        self.expires += claimed.lease_seconds
        self.item = Item(
            claimed.id,
            claimed.organization_id,
            claimed.queue_id,
            self.queue.name,
            claimed.task,
            claimed.payload,
            claimed.attempts,
            claimed.max_attempts,
            claimed.priority,
            claimed.tags,
            claimed.created_at,
            claimed.claims,
            claimed.progress,
            claimed.errors or (),
        )

    @property
    def lease_seconds(self) -> int:
        """How long its leases are."""
        return self.claimed.lease_seconds

    @property
    def is_finishing(self) -> bool:
        """Whether a transaction of the handler's completes it: nobody else is to touch its row meanwhile."""
        return self.item._finishing  # noqa: SLF001 - the worker's side of the item

    def renewed(self, sent: float) -> None:
        """Move the deadline after a renewal that was sent at `sent`."""
        self.doubted = False
        self.expires = max(self.expires, sent + self.lease_seconds)

    def is_stopped(self) -> bool:
        """Tell whether the handler was stopped, or must not begin."""
        return self.stopped is not None

    def stop(self, reason: Stop) -> None:
        """Stop the handler if it runs, and remember why; the first reason counts.

        A handler that swallows the cancellation has overrun again after a while, and is cancelled again.
        """
        if self.stopped is None:
            self.stopped = reason
            self.item._stop = reason  # noqa: SLF001 - the worker's side of the item
        if self.runner is not None:
            self.ends = time.monotonic() + STOP_AGAIN_SECONDS
            self.cancels += 1
            self.runner.cancel()


class HeldItems:
    """The items held, by id."""

    def __init__(self) -> None:
        self._items: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._items)

    def add(self, held: Held) -> None:
        """Hold an item just claimed; an older claim of the same item is lost, whether or not that was noticed."""
        if older := self._items.get(held.claimed.id):
            older.stop("lease lost")
        self._items[held.claimed.id] = held

    def get(self, item_id: str) -> Held | None:
        """Return the item held under an id, if there is one."""
        return self._items.get(item_id)

    def drop(self, held: Held) -> None:
        """Let go of an item whose outcome is known; a newer claim of the same item stays."""
        if self._items.get(held.claimed.id) is held:
            del self._items[held.claimed.id]

    def holds(self, held: Held) -> bool:
        """Tell whether this very claim is still held."""
        return self._items.get(held.claimed.id) is held

    def snapshot(self) -> list[Held]:
        """Return what is held now; safe from any thread."""
        return list(self._items.values())

    def due(self, *, within: float) -> list[Held]:
        """Return what has less than `within` of its lease left (a share, such as two thirds), or is in doubt."""
        now = time.monotonic()
        return [
            held
            for held in self.snapshot()
            if (held.doubted or held.expires - now < held.lease_seconds * within) and not held.is_finishing
        ]
