"""Listening for wake-ups: the only connection that keeps session state, so it needs a direct (not pooled) one.

It reconnects by itself, which is said once when it begins and once when it is over. After each (re)connection the
listener is told, because something may have been missed; correctness never depends on a wake-up.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Final

import psycopg
import structlog

from fairlead.db.connect import DatabaseOptions, connect_arguments

_LONGEST_WAIT_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)


async def listen(
    options: DatabaseOptions, hear: Mapping[str, Callable[[str], None]], *, connected: Callable[[bool], None]
) -> None:
    """Hand every message's payload to its channel's function until cancelled.

    The channels are those of `db/notify.py`. `connected` is called with True after each connection and with False
    when one is lost.
    """
    wait, interrupted = 0.1, False
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                options.session_url, autocommit=True, **connect_arguments(options)
            ) as connection:
                await connection.execute("; ".join(f"listen {channel}" for channel in hear).encode())
                if interrupted:
                    _log.info("listening_resumed")
                wait, interrupted = 0.1, False
                connected(True)
                async for message in connection.notifies():
                    hear[message.channel](message.payload)
        except (psycopg.Error, OSError) as error:
            if not interrupted:
                connected(False)
                _log.warning("listening_interrupted", error=str(error), polling=True)
            interrupted = True
        await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - jitter, not a secret
        wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
