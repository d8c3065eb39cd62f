"""The usual load: organizations with workers and hands, and producers for both."""

from __future__ import annotations

import asyncio

from chaos import hands
from chaos.hands import work_by_hand
from chaos.producer import produce
from chaos.stage import Stage
from fairlead.services.trials import Trial


async def mixed_load(
    stage: Stage, *, workers: int, a_second: float, tenants: int = 2
) -> asyncio.Future[tuple[int, int]]:
    """Start workers, hands and producers; the future is done when the producers are."""
    made: list[Trial] = await stage.make_tenants(tenants)
    await stage.fleet.ready(workers)
    for tenant in made:
        stage.until_settled(work_by_hand(stage, tenant))
    return asyncio.gather(
        produce(stage, a_second=a_second, work=lambda: {"seconds": stage.dice.choice([0, 0.01, 0.1])}),
        produce(stage, a_second=a_second / 4, work=dict, queue=hands.QUEUE, most_at_once=3),
    )
