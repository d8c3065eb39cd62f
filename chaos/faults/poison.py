"""F05: items that kill the worker that begins them, each in its way, among others that want to be worked."""

from __future__ import annotations

import asyncio
from typing import Final

from chaos.fleet import dying
from chaos.producer import produce, put
from chaos.stage import Stage
from chaos.verdict import Tally
from chaos.waiting import until

_WAYS: Final = ("kill", "fault", "abort", "exit")
_ENDED: Final = "select count(*) from queue_items where id = any(%s) and status = 'failed'"
_WRONG: Final = """
select id || ' is ' || status || ' after ' || claims || ' claims and ' || attempts || ' attempts'
from queue_items where id = any(%s) and not (status = 'failed' and claims = %s and attempts = %s)
"""
_SHORT_SECONDS: Final = 10


async def poison(stage: Stage) -> Tally:
    """Let poison in, replace the workers it kills, and see that each item ends after exactly its attempts."""
    attempts = 2 if stage.seconds < _SHORT_SECONDS else 3
    (tenant,) = await stage.make_tenants(1)
    await stage.fleet.ready(2)
    over = asyncio.Event()
    replacing = asyncio.create_task(dying(stage.fleet, until_set=over))
    producing = asyncio.create_task(produce(stage, a_second=10, work=lambda: {"seconds": 0.05}))
    ids: list[str] = []
    for way in _WAYS[: max(1, int(stage.seconds / 5))]:
        ids += await put(stage, tenant, works=[{"die": way}], max_attempts=attempts)
        await asyncio.sleep(stage.seconds / 8)
    await producing

    async def ended() -> bool:
        return int(await asyncio.to_thread(stage.injector.value, _ENDED, ids)) == len(ids)

    await until(ended, what="every poisonous item has failed", seconds=90)
    over.set()
    deaths = await replacing
    complaints = [row[0] for row in stage.injector.rows(_WRONG, ids, attempts, attempts)]
    if deaths > len(ids) * attempts:
        complaints.append(f"{deaths} workers died of {len(ids)} items with {attempts} attempts each")
    return Tally(len(ids) * attempts, "poisoned attempts", {"deaths": deaths}, complaints)
