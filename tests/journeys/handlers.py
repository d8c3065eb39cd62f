"""What the workers of the journeys run. Each handler writes a line to the journal when it begins."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from fairlead import App, Item

app = App()


def _begin(item: Item) -> dict[str, Any]:
    """Write that a handler begins; return what its result will be."""
    facts = {"processId": os.getpid(), "attempt": item.attempt}
    if journal := item.payload.get("journal"):
        with Path(journal).open("a") as file:
            file.write(f"{item.id} {os.getpid()} {item.attempt}\n")
    return facts


@app.handler("work")
async def work(item: Item) -> dict[str, Any]:
    """Take a moment."""
    facts = _begin(item)
    await asyncio.sleep(0.02)
    return facts


@app.handler("work", task="gated")
async def gated(item: Item) -> dict[str, Any]:
    """Wait until a file is there."""
    facts = _begin(item)
    while not Path(item.payload["gate"]).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.01)
    return facts


@app.handler("work", task="blocking")
async def blocking(item: Item) -> dict[str, Any]:
    """Wait for the file without letting anything else run, at the first attempt."""
    facts = _begin(item)
    while item.attempt == 1 and not Path(item.payload["gate"]).exists():  # noqa: ASYNC240 - as above
        time.sleep(0.01)  # noqa: ASYNC251 - blocking is what it is for
    return facts


@app.handler("work", task="poison")
async def poison(item: Item) -> None:
    """Kill the worker."""
    _begin(item)
    os._exit(1)
