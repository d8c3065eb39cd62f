"""F23: many enqueue with one unique key in the same moment, for every way of holding it and every policy."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any, Final, NamedTuple

from chaos.producer import put
from chaos.stage import Stage
from chaos.verdict import Tally
from fairlead.services.trials import Trial

_CALLERS: Final = 50
_HOLDS: Final[tuple[dict[str, Any], ...]] = (
    {"unique_while": "waiting"},
    {"unique_while": "active"},
    {"unique_seconds": 60},
)
_POLICIES: Final = ("reject", "return", "replace")


class _Storm(NamedTuple):
    """Who enqueues what with which key."""

    tenant: Trial
    key: str
    values: dict[str, Any]


async def unique_storms(stage: Stage) -> Tally:
    """Storm with keys of two organizations at once; of each key one item may come."""
    tenants = await stage.make_tenants(2)
    asked, complaints = 0, list[str]()
    rounds = 0
    async for _ in stage.lasting():
        for number, (hold, policy) in enumerate(product(_HOLDS, _POLICIES)):
            values = {**hold, "on_conflict": policy}
            storms = [_Storm(tenant, f"key-{rounds}-{number}", values) for tenant in tenants]
            for found in await asyncio.gather(*(_stormed(stage, storm) for storm in storms)):
                complaints += found
            asked += len(storms) * _CALLERS
        rounds += 1
    await stage.fleet.ready(1)
    return Tally(asked, "enqueues of a contended key", {"keys": rounds * 9 * 2}, complaints)


async def _stormed(stage: Stage, storm: _Storm) -> list[str]:
    """Let all callers enqueue at once; return what is wrong with their answers."""
    noted = {"unique_key": storm.key, **storm.values}
    values = {"unique_key": storm.key, **storm.values}
    answers = await asyncio.gather(
        *(put(stage, storm.tenant, works=[{}], noted=noted, **values) for _ in range(_CALLERS))
    )
    ids = [item_id for answer in answers for item_id in answer]
    wanted = 1 if storm.values["on_conflict"] == "reject" else _CALLERS
    if len(set(ids)) == 1 and len(ids) == wanted:
        return []
    return [f"{len(ids)} answers with {len(set(ids))} ids for the key {storm.key} ({storm.values})"]
