"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

_PAUSE_SECONDS: Final = 0.02


async def until(condition: Callable[[], Awaitable[bool]], *, what: str, seconds: float) -> None:
    """Return as soon as `condition` holds; raises TimeoutError, saying `what` did not happen, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"within {seconds:g} s this did not happen: {what}")
        await asyncio.sleep(_PAUSE_SECONDS)
