"""Hands: workers in this process that claim and report one by one through the services, as the HTTP API does.

Unlike a worker's handler they see every answer, so they know which outcomes were accepted, refused, or lost with the
connection. One that was lost they ask for again, as a careful client does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from chaos.stage import Stage
from fairlead.errors import DatabaseUnavailable, FairleadError, TemporaryError
from fairlead.services.leases import (
    HeldItem,
    claim_items,
    complete_item,
    fail_item,
    release_item,
    renew_item,
    snooze_item,
)
from fairlead.services.trials import Trial

Verb: TypeAlias = Callable[..., Awaitable[object]]

QUEUE: Final = "hands"
VERBS: Final[dict[str, Verb]] = {
    "complete": complete_item,
    "fail": fail_item,
    "release": release_item,
    "snooze": snooze_item,
    "renew": renew_item,
}
_TRIES: Final = 40
_PAUSE_SECONDS: Final = 0.05


async def claim_by_hand(
    stage: Stage, tenant: Trial, *, limit: int, lease_seconds: int | None = None, queue: str = QUEUE
) -> list[HeldItem]:
    """Claim; what was claimed without our hearing of it comes back by its lease's end."""
    queue_id = tenant.queues[queue]
    options: dict[str, Any] = {"queue_id": queue_id, "limit": limit, "lease_seconds": lease_seconds}
    stage.recorder.record("invoke", "claim", queue_id=queue_id)
    try:
        async with stage.database.unit_of_work(tenant.scope) as session:
            held = await claim_items(session, tenant.scope, worker_id="hand", **options)
    except TemporaryError as error:
        stage.recorder.record("info", "claim", queue_id=queue_id, code=error.code)
        return []
    stage.recorder.record("ok", "claim", queue_id=queue_id, leases=[[one.item.id, one.lease] for one in held])
    return held


async def report(stage: Stage, tenant: Trial, verb: str, *, item_id: str, lease: int) -> str:
    """Say an outcome until somebody answers; return 'ok', the code of the refusal, or '' when nobody did."""
    for _ in range(_TRIES):
        code = await _said(stage, tenant, verb, item_id, lease)
        if code is not None:
            return code
        await asyncio.sleep(_PAUSE_SECONDS)
    return ""


async def work_by_hand(stage: Stage, tenant: Trial, *, renews: bool = True) -> int:
    """Claim and report, mostly completing, until everything has ended; return how many answers there were."""
    answers = 0
    while not stage.settled.is_set():
        held = await claim_by_hand(stage, tenant, limit=stage.dice.randint(1, 5))
        for one in held:
            if renews and stage.dice.random() < 0.2:  # noqa: PLR2004 - a fifth of them
                await report(stage, tenant, "renew", item_id=one.item.id, lease=one.lease)
            verb = stage.dice.choices(["complete", "fail", "release", "snooze"], [7, 1, 1, 1])[0]
            answers += bool(await report(stage, tenant, verb, item_id=one.item.id, lease=one.lease))
        if not held:
            await asyncio.sleep(_PAUSE_SECONDS)
    return answers


async def work_off(stage: Stage, tenant: Trial, *, queue: str) -> None:
    """Rescue, promote, claim and complete until nothing lives any more, where no worker does."""
    while await stage.live_items():
        await stage.promote()
        await stage.rescue()
        for one in await claim_by_hand(stage, tenant, limit=100, queue=queue):
            await report(stage, tenant, "complete", item_id=one.item.id, lease=one.lease)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _said(stage: Stage, tenant: Trial, verb: str, item_id: str, lease: int) -> str | None:
    """Say it once; None when nobody knows whether it was heard."""
    named = {"id": item_id, "lease": lease}
    said: dict[str, dict[str, Any]] = {
        "complete": {"result": {"canary": stage.canary(tenant)}},
        "fail": {"error": "a hand failed", "delay_seconds": 0},
        "snooze": {"delay_seconds": 0.2},
    }
    stage.recorder.record("invoke", verb, **named)
    try:
        async with stage.database.unit_of_work(tenant.scope) as session:
            await VERBS[verb](session, tenant.scope, item_id=item_id, lease=lease, **said.get(verb, {}))
    except DatabaseUnavailable as error:
        stage.recorder.record("info", verb, **named, code=error.code)
        return None
    except FairleadError as error:
        stage.recorder.record("fail", verb, **named, code=error.code)
        return None if isinstance(error, TemporaryError) else error.code
    stage.recorder.record("ok", verb, **named)
    return "ok"
