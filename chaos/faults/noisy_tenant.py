"""F24: one organization floods the queue while another enqueues now and then; the other must hardly notice."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from chaos.producer import put
from chaos.stage import Stage
from chaos.verdict import Tally
from chaos.waiting import until
from fairlead.services.trials import Trial

_WAITS: Final = """
select extract(epoch from min(at) filter (where after ->> 'status' = 'processing') - min(at))::float8 as wait
from chaos_journal where coalesce(after, before) ->> 'id' = any(%s)
group by coalesce(after, before) ->> 'id' order by 1
"""
_BACKLOG: Final = "select count(*) from queue_items where organization_id = %s and status = 'waiting'"
_PAUSE_SECONDS: Final = 0.2
_ALLOWED_SECONDS: Final = 2.0
_BATCH: Final = 1000


async def noisy_tenant(stage: Stage) -> Tally:
    """Measure how long the quiet one waits alone and beside the flood."""
    loud, quiet = await stage.make_tenants(2)
    await stage.fleet.ready(2)
    alone = await _now_and_then(stage, quiet, stage.seconds / 3)
    for _ in range(max(3, int(stage.seconds))):
        await put(stage, loud, works=[{"seconds": 0.02}] * _BATCH)
    beside = await _now_and_then(stage, quiet, stage.seconds / 3)
    backlog = await asyncio.to_thread(stage.injector.value, _BACKLOG, loud.scope.organization_id)
    complaints = [
        f"an item of the quiet organization waited for {wait:.2f} s beside the flood"
        for wait in beside
        if wait > max(_ALLOWED_SECONDS, 2 * alone[-1])
    ]
    if backlog == 0:
        complaints.append("the flood was over before the quiet organization was: nothing was proved")
    figures: dict[str, float | int | str] = {
        "longest wait alone ms": round(alone[-1] * 1000),
        "beside the flood ms": round(beside[-1] * 1000),
        "flood left": backlog,
    }
    return Tally(len(beside), "items beside a flood", figures, complaints)


async def _now_and_then(stage: Stage, tenant: Trial, seconds: float) -> list[float]:
    """Enqueue an item now and then; return how long each waited, the longest last, once all have begun."""
    ids: list[str] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ids += await put(stage, tenant, works=[{}])
        await asyncio.sleep(_PAUSE_SECONDS)
    waits: list[float | None] = []

    async def all_begun() -> bool:
        waits[:] = [row[0] for row in await asyncio.to_thread(stage.injector.rows, _WAITS, ids)]
        return None not in waits

    await until(all_begun, what="the quiet organization's items have begun", seconds=60)
    return [wait for wait in waits if wait is not None]
