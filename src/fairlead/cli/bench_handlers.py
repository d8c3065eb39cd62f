"""What `fairlead bench` runs in its worker: nothing, and nothing but a look at the clock."""

from __future__ import annotations

import time

from fairlead import App, Item

app = App()
QUEUES = ("bench-drain", "bench-latency")


@app.handler("bench-drain")
async def nothing(_item: Item) -> None:
    """Do nothing, so that only the queue's own cost is left."""


@app.handler("bench-latency")
async def arrived(item: Item) -> dict[str, float]:
    """Return how long the item was under way: CLOCK_MONOTONIC is one clock for all processes of a machine."""
    return {"milliseconds": (time.monotonic() - item.payload["sent"]) * 1000}
