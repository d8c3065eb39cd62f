"""Producers: enqueue through the product's own services, and write down what they asked for and what they were told."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

from chaos.stage import Stage
from fairlead.errors import DatabaseUnavailable, FairleadError
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.trials import Trial

QUEUE: Final = "chaos"


async def put(
    stage: Stage,
    tenant: Trial,
    *,
    works: Sequence[dict[str, Any]],
    queue: str = QUEUE,
    noted: dict[str, Any] | None = None,
    **values: Any,
) -> list[str]:
    """Enqueue an item for each of `works` in one transaction; return their ids, none when that was not acknowledged.

    Keywords are fields of each item; `noted` is written down beside the request.
    """
    tokens = [secrets.token_hex(8) for _ in works]
    items = [
        ItemInput({"token": token, "canary": stage.canary(tenant), "work": work}, **values)
        for token, work in zip(tokens, works, strict=True)
    ]
    queue_id, scope = tenant.queues[queue], tenant.scope
    said = {"tokens": tokens, "organization_id": scope.organization_id, "queue_id": queue_id, **(noted or {})}
    stage.recorder.record("invoke", "enqueue", **said)
    try:
        async with stage.database.unit_of_work(scope) as session:
            answer = await enqueue_items(session, scope, queue_id=queue_id, items=items)
    except DatabaseUnavailable as error:  # perhaps it was committed
        stage.recorder.record("info", "enqueue", **said, code=error.code)
        return []
    except FairleadError as error:
        stage.recorder.record("fail", "enqueue", **said, code=error.code)
        return []
    stage.notifier.announce(queue_id)
    ids = list(answer)
    stage.recorder.record("ok", "enqueue", **said, ids=ids)
    return ids


async def produce(
    stage: Stage,
    *,
    a_second: float,
    work: Callable[[], dict[str, Any]],
    queue: str = QUEUE,
    most_at_once: int = 10,
    **values: Any,
) -> int:
    """Enqueue about so many items a second, a few at a time, for all organizations in turn, while the fault lasts."""
    count = asked = 0
    async for gone in stage.lasting():
        if asked > gone * a_second:
            await asyncio.sleep(0.005)
            continue
        batch = stage.dice.randint(1, most_at_once)
        tenant = stage.dice.choice(stage.tenants)
        count += len(await put(stage, tenant, works=[work() for _ in range(batch)], queue=queue, **values))
        asked += batch
    return count
