"""F02: zombies: workers that are stopped for longer than their leases and then go on as if nothing had happened.

Two ways: real workers by SIGSTOP and SIGCONT, and hands that say each outcome after their lease's end: at once, when
the item waits again, when somebody else holds it, and when it is completed.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from chaos.hands import QUEUE, VERBS, claim_by_hand, report
from chaos.producer import produce, put
from chaos.stage import LEASE_SECONDS, Stage
from chaos.verdict import Tally
from chaos.waiting import until
from fairlead.services.trials import Trial

_ROW: Final = "select to_jsonb(i)::text from queue_items i where id = %s"
_NOT_WAITING: Final = "select count(*) from queue_items where id = any(%s) and status <> 'waiting'"
_AT_ONCE: Final = "was not rescued before"
_FATES: Final = ("waits", "is held by another", "is completed")
_LONG_LEASE_SECONDS: Final = 60


class _Late(NamedTuple):
    """An outcome to be said under a lease that is over, and what became of the item meanwhile."""

    verb: str
    fate: str
    item_id: str
    lease: int


async def zombies(stage: Stage) -> Tally:
    """Stop workers and let them go on, and meanwhile let hands say every outcome too late."""
    (tenant,) = await stage.make_tenants(1)
    await stage.fleet.ready(2)
    producing = asyncio.create_task(produce(stage, a_second=40, work=lambda: {"seconds": 0.3}))
    saying = asyncio.create_task(_late_hands(stage, tenant))
    pauses = 0
    async for _ in stage.lasting():
        worker = stage.dice.choice(stage.fleet.spare or stage.fleet.running)
        stage.fleet.pause(worker)
        await asyncio.sleep(LEASE_SECONDS * 1.5)
        stage.fleet.resume(worker)
        pauses += 1
        await asyncio.sleep(0.5)
    await producing
    said, complaints = await saying
    return Tally(said, "late outcomes", {"pauses": pauses}, complaints)


async def _late_hands(stage: Stage, tenant: Trial) -> tuple[int, list[str]]:
    """Be late in every way, again and again; return how often, and what was not refused."""
    said, complaints = 0, list[str]()
    async for _ in stage.lasting():
        at_once = await _outlived(stage, tenant, [(_AT_ONCE, verb) for verb in VERBS])
        complaints += [problem for late in at_once if (problem := await _said(stage, tenant, late, compare=False))]
        said += len(at_once)
        if complaints:
            break
        await _complete_waiting(stage, tenant, at_once)
        lates = await _outlived(stage, tenant, [(fate, verb) for fate in _FATES for verb in VERBS])
        current = await _brought_to_fate(stage, tenant, lates)
        complaints += [problem for late in lates if (problem := await _said(stage, tenant, late, compare=True))]
        said += len(lates)
        for item_id, lease in current.items():
            await report(stage, tenant, "complete", item_id=item_id, lease=lease)
        if complaints:
            break
        await _complete_waiting(stage, tenant, lates)
    return said, complaints


async def _outlived(stage: Stage, tenant: Trial, cases: list[tuple[str, str]]) -> list[_Late]:
    """Claim an item for each case and let the leases end."""
    await put(stage, tenant, works=[{}] * len(cases), queue=QUEUE)
    held = await claim_by_hand(stage, tenant, limit=len(cases), lease_seconds=1)
    ends = [one.lease_expires_at for one in held]
    over = "select statement_timestamp() > all(%s::timestamptz[])"
    await until(lambda: asyncio.to_thread(stage.injector.value, over, ends), what="the leases end", seconds=30)
    return [_Late(verb, fate, one.item.id, one.lease) for (fate, verb), one in zip(cases, held, strict=True)]


async def _brought_to_fate(stage: Stage, tenant: Trial, lates: list[_Late]) -> dict[str, int]:
    """Wait until all are rescued, claim them again, and let each meet its fate; return the leases still held."""
    await _rescued(stage, lates)
    fates = {late.item_id: late.fate for late in lates}
    held = await claim_by_hand(stage, tenant, limit=len(lates), lease_seconds=_LONG_LEASE_SECONDS)
    for one in held:
        verb = {"waits": "release", "is completed": "complete"}.get(fates[one.item.id])
        if verb is not None:
            await report(stage, tenant, verb, item_id=one.item.id, lease=one.lease)
    return {one.item.id: one.lease for one in held if fates[one.item.id] == "is held by another"}


async def _said(stage: Stage, tenant: Trial, late: _Late, *, compare: bool) -> str:
    """Say the outcome; return what is wrong unless it is refused and (where nobody else acts) changes nothing."""
    before = await asyncio.to_thread(stage.injector.rows, _ROW, late.item_id)
    code = await report(stage, tenant, late.verb, item_id=late.item_id, lease=late.lease)
    after = await asyncio.to_thread(stage.injector.rows, _ROW, late.item_id)
    if code == "LEASE_LOST" and (before == after or not compare):
        return ""
    return f"a late {late.verb} of an item that {late.fate} was answered {code!r}: {before} became {after}"


async def _complete_waiting(stage: Stage, tenant: Trial, lates: list[_Late]) -> None:
    """Complete those that wait, so that the next round begins with none."""
    left = {late.item_id for late in lates if late.fate in {_AT_ONCE, "waits"}}
    await _rescued(stage, [late for late in lates if late.item_id in left])
    while left:
        for one in await claim_by_hand(stage, tenant, limit=len(left), lease_seconds=_LONG_LEASE_SECONDS):
            await report(stage, tenant, "complete", item_id=one.item.id, lease=one.lease)
            left.discard(one.item.id)


async def _rescued(stage: Stage, lates: list[_Late]) -> None:
    ids = [late.item_id for late in lates]

    async def all_wait() -> bool:
        return int(await asyncio.to_thread(stage.injector.value, _NOT_WAITING, ids)) == 0

    await until(all_wait, what="the items are rescued", seconds=30)
