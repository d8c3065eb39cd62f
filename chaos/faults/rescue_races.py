"""F08: rescue meets completion, renewal and a fresh claim in every order, held at the point where it would hurt.

No worker runs, so that nothing is rescued but by us. Each round has three parts: a completion that is not committed yet
when its lease ends and a rescue passes by; a rescue that is not committed yet when the completion arrives; and many of
both, with claims and renewals, in the moment the leases end.
"""

from __future__ import annotations

import asyncio
from typing import Final

from chaos.hands import claim_by_hand, report, work_off
from chaos.producer import QUEUE, put
from chaos.stage import FLEET_SCOPE, Stage
from chaos.verdict import Tally
from chaos.waiting import until
from fairlead.engine.rescue import rescue
from fairlead.errors import LeaseLost
from fairlead.services.leases import HeldItem, complete_item
from fairlead.services.trials import Trial

_CROWD: Final = 30
_TOO_LATE_SECONDS: Final = 1.1
_WAITING_FOR_LOCK: Final = """
select count(*) from pg_locks l join pg_stat_activity a on a.pid = l.pid
where not l.granted and a.datname = current_database()
"""


async def rescue_races(stage: Stage) -> Tally:
    """Race, round after round."""
    (tenant,) = await stage.make_tenants(1)
    races, complaints = 0, list[str]()
    async for _ in stage.lasting():
        complaints += await _completion_first(stage, tenant)
        complaints += await _rescue_first(stage, tenant)
        await _crowd(stage, tenant)
        await work_off(stage, tenant, queue=QUEUE)
        races += 2 + _CROWD
    return Tally(races, "races", {}, complaints)


async def _held(stage: Stage, tenant: Trial, count: int) -> list[HeldItem]:
    await put(stage, tenant, works=[{}] * count)
    return await claim_by_hand(stage, tenant, limit=count, lease_seconds=1, queue=QUEUE)


async def _completion_first(stage: Stage, tenant: Trial) -> list[str]:
    """Hold a completion until after the lease's end: the rescue must pass it by, and it must count."""
    (held,) = await _held(stage, tenant, 1)
    named = {"id": held.item.id, "lease": held.lease}
    stage.recorder.record("invoke", "complete", **named)
    async with stage.database.unit_of_work(tenant.scope) as session:
        result = {"canary": stage.canary(tenant)}
        await complete_item(session, tenant.scope, item_id=held.item.id, lease=held.lease, result=result)
        await asyncio.sleep(_TOO_LATE_SECONDS)
        taken = await stage.rescue()
    stage.recorder.record("ok", "complete", **named)
    return [f"{held.item.id} was rescued while its completion was under way"] if held.item.id in taken else []


async def _rescue_first(stage: Stage, tenant: Trial) -> list[str]:
    """Hold a rescue until the completion waits behind it: the completion must be refused."""
    (held,) = await _held(stage, tenant, 1)
    await asyncio.sleep(_TOO_LATE_SECONDS)
    async with stage.database.unit_of_work(FLEET_SCOPE) as session:
        await rescue(session, FLEET_SCOPE, most=500)
        late = asyncio.create_task(report(stage, tenant, "complete", item_id=held.item.id, lease=held.lease))

        async def waits_or_is_done() -> bool:
            return late.done() or bool(await asyncio.to_thread(stage.injector.value, _WAITING_FOR_LOCK))

        await until(waits_or_is_done, what="the completion waits behind the rescue", seconds=30)
    code = await late
    return [] if code == LeaseLost.code else [f"{held.item.id} was completed behind its rescue: {code!r}"]


async def _crowd(stage: Stage, tenant: Trial) -> None:
    """Let rescues, renewals, completions and claims meet in the moment in which many leases end."""
    held = await _held(stage, tenant, _CROWD)

    async def holder(one: HeldItem) -> None:
        await asyncio.sleep(max(0, 1 + stage.dice.uniform(-0.08, 0.04)))
        verb = stage.dice.choice(["complete", "complete", "renew"])
        await report(stage, tenant, verb, item_id=one.item.id, lease=one.lease)

    async def rescuer() -> None:
        await asyncio.sleep(0.95)
        for _ in range(20):
            await stage.rescue()
            for again in await claim_by_hand(stage, tenant, limit=3, queue=QUEUE):
                await report(stage, tenant, "complete", item_id=again.item.id, lease=again.lease)

    await asyncio.gather(*map(holder, held), *(rescuer() for _ in range(3)))
