"""F41: processes whose clocks are an hour fast or slow: workers, with the rescuers and promoters they carry.

With libfaketime where it is installed, which shifts everything a process asks the system; otherwise by Python alone
(see skew/sitecustomize.py). The figure `by` says which. The database's own clock is not stepped.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chaos.history import read_events
from chaos.producer import produce
from chaos.stage import Stage
from chaos.verdict import Tally

_HOUR: Final = 3600
_LIBRARIES: Final = tuple(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
_SHIFTER: Final = Path(__file__).resolve().parents[1] / "skew"


async def skewed_clocks(stage: Stage) -> Tally:
    """Let a fast and a slow worker work beside a right one, on items that fail, wait for later and outlive workers."""
    await stage.make_tenants(2)
    for seconds in (_HOUR, -_HOUR, 0):
        stage.fleet.environment = _environment(seconds)
        await stage.fleet.ready(1)
    producing = asyncio.gather(
        produce(stage, a_second=20, work=lambda: {"seconds": 0.2, "failures": stage.dice.randint(0, 1)}),
        produce(stage, a_second=10, work=dict, delay_seconds=1.5),
    )
    kills = 0
    async for _ in stage.lasting():
        await asyncio.sleep(1.5)
        if spare := stage.fleet.spare:
            stage.fleet.kill(stage.dice.choice(spare))
            stage.fleet.environment = _environment(stage.dice.choice([_HOUR, -_HOUR]))
            stage.fleet.start()
            kills += 1
    counts = await producing
    return Tally(
        sum(counts), "items by skewed workers", {"kills": kills, "by": _means()}, _not_skewed(stage, time.time())
    )


def _means() -> str:
    return "libfaketime" if _LIBRARIES else "Python's clock alone"


def _environment(seconds: int) -> Mapping[str, str]:
    if not seconds:
        return {}
    if _LIBRARIES:
        return {"LD_PRELOAD": str(_LIBRARIES[0]), "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    path = os.pathsep.join(filter(None, [str(_SHIFTER), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, "CHAOS_SKEW_SECONDS": str(seconds)}


def _not_skewed(stage: Stage, now: float) -> list[str]:
    """Return a complaint unless workers' clocks were really an hour fast and an hour slow."""
    offset = now - time.monotonic()
    hours = {
        round((event.data["wall"] - event.t / 1e9 - offset) / _HOUR)
        for event in read_events(stage.directory)
        if event.verb == "clock"
    }
    return [] if {1, -1} <= hours else [f"the clocks were not skewed: {sorted(hours)} hours"]
