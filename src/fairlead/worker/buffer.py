"""Buffer: claimed items that wait for a runner, handed out fairly between organizations.

An item of a quiet organization does not wait behind the thousand of another one that were claimed before it: whose turn
it is goes by virtual time and weight, as in `worker/known.py`. The items of one organization keep their order.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush, heapreplace

from fairlead.worker.held import Held


class Buffer:
    """Items by organization."""

    def __init__(self) -> None:
        self._items: dict[str, deque[Held]] = {}
        self._line: list[tuple[float, str]] = []  # a heap: the virtual time of each organization that has any
        self._time = 0.0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def holds(self, organization_id: str) -> bool:
        """Tell whether anything of an organization waits."""
        return organization_id in self._items

    def put(self, held: Held) -> None:
        """Take an item in, behind those of its organization."""
        organization_id = held.claimed.organization_id
        own = self._items.get(organization_id)
        if own is None:
            own = self._items[organization_id] = deque()
            heappush(self._line, (self._time, organization_id))
        own.append(held)
        self._count += 1

    def take(self) -> Held:
        """Hand out the next item; there has to be one."""
        self._time, organization_id = self._line[0]
        own = self._items[organization_id]
        held = own.popleft()
        self._count -= 1
        if own:
            heapreplace(self._line, (self._time + 1 / held.queue.weight, organization_id))
        else:
            heappop(self._line)
            del self._items[organization_id]
        return held

    def take_all(self) -> list[Held]:
        """Hand out everything."""
        items = [held for own in self._items.values() for held in own]
        self._items.clear()
        self._line.clear()
        self._count = 0
        return items
