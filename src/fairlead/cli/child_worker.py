"""Worker processes that a command starts for itself and stops again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fairlead.bootstrap import Resources

_STOP_SECONDS = 15


@asynccontextmanager
async def child_worker(
    resources: Resources, *, application: str, concurrency: int, quiet: bool = True
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `fairlead worker` as a process of its own on the same database, and drain it at the end.

    It gets a session of its own, so that a Ctrl-C reaches this process alone, which then stops it in order, and a pipe
    whose end tells it to stop should this process be killed.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fairlead", "worker", application),
        *("--concurrency", str(concurrency), "--until-input-ends"),
        stdin=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "FAIRLEAD_DATABASE_URL": resources.database_url,
            "FAIRLEAD_LOG_LEVEL": "error" if quiet else "info",
        },
        stderr=asyncio.subprocess.DEVNULL if quiet else None,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(number)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
