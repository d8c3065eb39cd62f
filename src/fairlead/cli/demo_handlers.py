"""What `fairlead demo` runs in its workers: reads a file, and now and then fails on purpose."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from fairlead import App, GiveUp, Item

app = App()


class DeliberateFailure(Exception):
    """The demo fails some first attempts to show that they are retried."""


@app.handler("demo-files", timeout_seconds=60)
async def describe_file(item: Item) -> dict[str, Any]:
    """Return a file's SHA-256 and how many bytes, lines and words it has."""
    await asyncio.sleep(item.payload["pauseSeconds"])  # stands for a slow service, so that there is time to watch
    if item.payload["failsFirst"] and item.attempt == 1:
        raise DeliberateFailure("the demo lets this attempt fail")
    return await asyncio.to_thread(_described, Path(item.payload["path"]))


def _described(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise GiveUp(f"{path} is gone") from error
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "lines": content.count(b"\n"),
        "words": len(content.split()),
    }
