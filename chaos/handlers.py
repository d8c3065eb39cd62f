"""The handlers of the workers that are broken: they write down every start and end, and misbehave as their item says.

A payload's `work` is how: {"seconds": 0.1} takes that long, {"spin": 3} blocks the event loop, {"die": "kill"} ends the
process, {"failures": 2} fails the first two attempts.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from pathlib import Path
from typing import Any, Final

from chaos.recorder import HISTORY_VARIABLE, Recorder
from fairlead import App, Item

app = App()
QUEUES: Final = ("chaos", "chaos-limited", "chaos-ordered")
_DEATHS: Final = {"kill": signal.SIGKILL, "fault": signal.SIGSEGV, "abort": signal.SIGABRT}


class HandlerFailedError(Exception):
    """The item asked for it."""


async def handle(item: Item) -> dict[str, Any]:
    """Write down the start, do what the payload says, write down how it ended."""
    recorder = _recorder()
    lease = {"id": item.id, "lease": item.lease}
    recorder.record(
        "invoke",
        "handle",
        **lease,
        organization_id=item.organization_id,
        queue_id=item.queue_id,
        attempt=item.attempt,
        canary=item.payload.get("canary"),
    )
    try:
        await _work(item.payload.get("work") or {}, item.attempt)
    except HandlerFailedError:
        recorder.record("fail", "handle", **lease)
        raise
    except asyncio.CancelledError:
        recorder.record("info", "handle", **lease, lost=item.lease_lost)
        raise
    recorder.record("ok", "handle", **lease)
    return {"canary": item.payload.get("canary")}


for _queue in QUEUES:
    app.handler(_queue)(handle)


async def _work(work: dict[str, Any], attempt: int) -> None:
    if death := work.get("die"):
        _die(death)
    if spin := work.get("spin"):
        _spin(spin)
    if seconds := work.get("seconds"):
        await asyncio.sleep(seconds)
    if attempt <= work.get("failures", 0):
        raise HandlerFailedError(f"attempt {attempt} fails")


def _die(how: str) -> None:
    """End this process at once, as a crash in a library or the kernel's killer would, and leave no core behind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if how == "exit":
        os._exit(1)
    os.kill(os.getpid(), _DEATHS[how])


def _spin(seconds: float) -> None:
    """Keep the event loop's thread busy with computing."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))


_recorders: dict[int, Recorder] = {}


def _recorder() -> Recorder:
    if os.getpid() not in _recorders:
        _recorders[os.getpid()] = Recorder(Path(os.environ[HISTORY_VARIABLE]), "worker")
        _recorders[os.getpid()].record("info", "clock", wall=time.time())
    return _recorders[os.getpid()]
