"""F01: workers die in the middle of items: `kill -9` of a random one every 0.3 to 1 s, replaced at once.

One that works is always left, so that what the others held can be rescued.
"""

from __future__ import annotations

import asyncio

from chaos.producer import produce
from chaos.stage import Stage
from chaos.verdict import Tally

_WORKERS = 4


async def killed_workers(stage: Stage) -> Tally:
    """Kill while items flow in three organizations."""
    await stage.make_tenants(3)
    await stage.fleet.ready(_WORKERS)
    producing = asyncio.create_task(
        produce(stage, a_second=100, work=lambda: {"seconds": stage.dice.choice([0.01, 0.05, 0.2, 0.5])})
    )
    kills = 0
    async for _ in stage.lasting():
        await asyncio.sleep(stage.dice.uniform(0.3, 1))
        if spare := stage.fleet.spare:
            stage.fleet.kill(stage.dice.choice(spare))
            stage.fleet.start()
            kills += 1
    await producing
    return Tally(kills, "kills")
