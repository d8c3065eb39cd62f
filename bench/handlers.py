"""What the scenarios' workers run: as good as nothing, on queues whose names say what."""

from __future__ import annotations

import asyncio
import time

from fairlead import App, Item

app = App()
QUEUES_AN_ORGANIZATION = 10
NOTHING = tuple(f"bench-{number}" for number in range(QUEUES_AN_ORGANIZATION))
LATENCY, SHORT, LONG = "bench-latency", "bench-short", "bench-long"
SHORT_SECONDS = 0.005
LONG_SECONDS = 3600


async def nothing(_item: Item) -> None:
    """Do nothing, so that only the queue's own cost is left."""


for _name in NOTHING:
    app.handler(_name)(nothing)


@app.handler(LATENCY)
async def arrived(item: Item) -> dict[str, float]:
    """Return how long the item was under way: CLOCK_MONOTONIC is one clock for all processes of a machine."""
    return {"milliseconds": (time.monotonic() - item.payload["sent"]) * 1000}


@app.handler(SHORT)
async def short(_item: Item) -> None:
    """Hold the item for a moment."""
    await asyncio.sleep(SHORT_SECONDS)


@app.handler(LONG)
async def long(_item: Item) -> None:
    """Hold the item for as long as the worker lives."""
    await asyncio.sleep(LONG_SECONDS)
