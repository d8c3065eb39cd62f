"""F35: batches of every verb over the same items in opposite orders; no two may ever wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from chaos.hands import QUEUE, claim_by_hand, work_off
from chaos.producer import put
from chaos.recorder import Kind
from chaos.stage import Stage
from chaos.verdict import Tally
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.engine.complete import Completion, complete
from fairlead.engine.fail import Failure, fail
from fairlead.engine.release import release
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease
from fairlead.errors import DatabaseUnavailable, FairleadError
from fairlead.services.items import cancel_items, retry_items
from fairlead.services.trials import Trial

_ITEMS: Final = 200
_BATCH: Final = 60


async def deadlocks(stage: Stage) -> Tally:
    """Let reports, rescues, cancellations and retries meet on two hundred items."""
    (tenant,) = await stage.make_tenants(1)
    ids = await put(stage, tenant, works=[{}] * _ITEMS, queue=QUEUE)
    before = stage.server.said("deadlock detected")
    counts = await asyncio.gather(
        *(_reports(stage, tenant) for _ in range(4)),
        *(_asks(stage, tenant, "cancel", cancel_items, ids) for _ in range(2)),
        *(_asks(stage, tenant, "retry", retry_items, ids) for _ in range(3)),
        *(_rescues(stage) for _ in range(2)),
    )
    await work_off(stage, tenant, queue=QUEUE)
    found = stage.server.said("deadlock detected") - before
    return Tally(sum(counts), "batches", {}, [f"the server saw {found} deadlocks"] if found else [])


async def _reports(stage: Stage, tenant: Trial) -> int:
    """Claim and say an outcome of all that was claimed in one batch, in an order of its own."""
    count = 0
    async for _ in stage.lasting():
        held = await claim_by_hand(stage, tenant, limit=_BATCH, lease_seconds=1)
        stage.dice.shuffle(held)
        leases = [Lease(tenant.scope.organization_id, one.item.id, one.lease) for one in held]
        await asyncio.sleep(stage.dice.choice([0, 0, 0.3, 1]))
        verb = stage.dice.choice(list(_BATCHES))
        if leases:
            await _said(stage, tenant, verb, leases)
            count += 1
        await asyncio.sleep(0)
    return count


async def _said(stage: Stage, tenant: Trial, verb: str, leases: Sequence[Lease]) -> None:
    for lease in leases:
        stage.recorder.record("invoke", verb, id=lease.id, lease=lease.claims)
    try:
        async with stage.database.unit_of_work(tenant.scope) as session:
            accepted = await _BATCHES[verb](session, tenant.scope, leases, stage.canary(tenant))
    except FairleadError as error:
        kind: Kind = "info" if isinstance(error, DatabaseUnavailable) else "fail"
        for lease in leases:
            stage.recorder.record(kind, verb, id=lease.id, lease=lease.claims, code=error.code)
        return
    for lease in leases:
        stage.recorder.record("ok" if lease.id in accepted else "fail", verb, id=lease.id, lease=lease.claims)


async def _asks(stage: Stage, tenant: Trial, verb: str, call: Callable[..., Awaitable[Any]], ids: list[str]) -> int:
    """Ask for a verb that needs no lease, of a part of the items in an order of its own."""
    count = 0
    async for _ in stage.lasting():
        chosen = stage.dice.sample(ids, _BATCH)
        stage.recorder.record("invoke", verb, ids=chosen)
        try:
            async with stage.database.unit_of_work(tenant.scope) as session:
                await call(session, tenant.scope, item_ids=chosen)
        except FairleadError as error:
            stage.recorder.record("info", verb, code=error.code)
        count += 1
        await asyncio.sleep(stage.dice.uniform(0, 0.02))
    return count


async def _rescues(stage: Stage) -> int:
    count = 0
    async for _ in stage.lasting():
        await stage.rescue()
        await stage.promote()
        count += 1
        await asyncio.sleep(stage.dice.uniform(0, 0.1))
    return count


_Batch = Callable[[Session, TenantScope, Sequence[Lease], str], Awaitable[Any]]


async def _complete(session: Session, scope: TenantScope, leases: Sequence[Lease], canary: str) -> Any:
    return await complete(session, scope, completions=[Completion(lease, {"canary": canary}) for lease in leases])


async def _fail(session: Session, scope: TenantScope, leases: Sequence[Lease], _canary: str) -> Any:
    return await fail(session, scope, failures=[Failure(lease, "a hand failed") for lease in leases])


async def _release(session: Session, scope: TenantScope, leases: Sequence[Lease], _canary: str) -> Any:
    return await release(session, scope, leases=leases)


async def _renew(session: Session, scope: TenantScope, leases: Sequence[Lease], _canary: str) -> Any:
    return await renew(session, scope, leases=leases, lease_seconds=1)


_BATCHES: Final[dict[str, _Batch]] = {"complete": _complete, "fail": _fail, "release": _release, "renew": _renew}
