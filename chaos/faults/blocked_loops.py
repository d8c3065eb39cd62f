"""F04: handlers keep the event loop busy for three leases, so that nothing else of their worker runs on it."""

from __future__ import annotations

import asyncio

from chaos.producer import produce, put
from chaos.stage import LEASE_SECONDS, Stage
from chaos.verdict import Tally

_SPIN_SECONDS = LEASE_SECONDS * 3


async def blocked_loops(stage: Stage) -> Tally:
    """Block the loops again and again while other items are held by the same workers."""
    (tenant,) = await stage.make_tenants(1)
    await stage.fleet.ready(2)
    producing = asyncio.create_task(produce(stage, a_second=20, work=lambda: {"seconds": 0.2}))
    spins = 0
    async for _ in stage.lasting():
        spins += len(await put(stage, tenant, works=[{"spin": _SPIN_SECONDS}] * 2))
        await asyncio.sleep(_SPIN_SECONDS)
    await producing
    return Tally(spins, "blocked loops")
