"""Work done once for many who wait: how each of them hears that it failed."""

from __future__ import annotations

import asyncio
import copy
from typing import Any


def refuse(answer: asyncio.Future[Any], error: Exception) -> None:
    """Give whoever waits the error, an own one: a raised error remembers by whom it was.

    Nobody is told whose answer is done, as of a caller who was cancelled; nor is it any failure of ours when one goes.
    """
    if answer.done():
        return
    own = copy.copy(error)
    own.__cause__ = error
    answer.set_exception(own)
    answer.exception()
