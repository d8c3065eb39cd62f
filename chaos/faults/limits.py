"""LIMIT and ORDER: limits and orders that must hold at every instant, while the workers that use them are killed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Final

import psycopg

from chaos.fleet import Fleet
from chaos.producer import produce
from chaos.stage import Stage
from chaos.verdict import Tally

_LIMITED: Final = "chaos-limited"
_QUEUE_LIMIT, _ORGANIZATION_LIMIT = 3, 5
_WORKERS: Final = 3
_HELD: Final = """
select count(*) filter (where queue_id = %s), count(*)
from queue_items where organization_id = %s and status = 'processing'
"""
_LIMIT_ORGANIZATION: Final = "update organizations set max_concurrency = %s where id = %s"
_KEYS: Final = 5


class Watcher:
    """A thread that looks, as fast as it can, how many items are under a lease in one snapshot."""

    def __init__(self, url: str, *, queue_id: str, organization_id: str) -> None:
        self.looks = self.most_of_queue = self.most_of_organization = 0
        self._over = threading.Event()
        self._asked = (queue_id, organization_id)
        self._thread = threading.Thread(target=self._run, args=[url], name="watcher")
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _run(self, url: str) -> None:
        with psycopg.connect(url, autocommit=True, application_name="chaos watcher") as connection:
            while not self._over.is_set():
                row = connection.execute(_HELD, self._asked).fetchone() or (0, 0)
                self.most_of_queue = max(self.most_of_queue, row[0])
                self.most_of_organization = max(self.most_of_organization, row[1])
                self.looks += 1


async def exceeded_limits(stage: Stage) -> Tally:
    """Watch a limited queue in a limited organization while its workers are killed and more is waiting than may run."""
    (tenant,) = await stage.make_tenants(1, {_LIMITED: {"max_concurrency": _QUEUE_LIMIT}})
    organization_id, queue_id = tenant.scope.organization_id, tenant.queues[_LIMITED]
    stage.injector.rows(_LIMIT_ORGANIZATION, _ORGANIZATION_LIMIT, organization_id)
    stage.expect(limits={queue_id: _QUEUE_LIMIT})
    await stage.fleet.ready(_WORKERS)
    watcher = Watcher(stage.server.superuser_url(stage.url), queue_id=queue_id, organization_id=organization_id)
    try:
        producing = asyncio.gather(
            produce(stage, a_second=25, work=lambda: {"seconds": 0.05}, queue=_LIMITED, most_at_once=3),
            produce(stage, a_second=25, work=lambda: {"seconds": 0.05}, most_at_once=3),
        )
        kills = await _killing(stage, stage.fleet)
        await producing
    finally:
        watcher.stop()
    complaints = [
        f"{most} items of a limited {what} were under a lease, {limit} may be"
        for what, most, limit in (
            ("queue", watcher.most_of_queue, _QUEUE_LIMIT),
            ("organization", watcher.most_of_organization, _ORGANIZATION_LIMIT),
        )
        if most > limit
    ]
    if watcher.most_of_organization < _ORGANIZATION_LIMIT:
        complaints.append("the limit was never reached: nothing was proved")
    return Tally(watcher.looks, "looks at the limits", {"kills": kills}, complaints)


async def overtaken_keys(stage: Stage) -> Tally:
    """Let items of a few ordering keys flow, some of which fail at first, while their workers are killed."""
    await stage.make_tenants(2)
    await stage.fleet.ready(_WORKERS)
    counts: list[Awaitable[int]] = [
        produce(stage, a_second=8, work=_sometimes_failing(stage), queue="chaos-ordered", ordering_key=f"key {number}")
        for number in range(_KEYS)
    ]
    producing = asyncio.gather(*counts)
    kills = await _killing(stage, stage.fleet)
    return Tally(sum(await producing), "items in an order", {"kills": kills})


def _sometimes_failing(stage: Stage) -> Callable[[], dict[str, float | int]]:
    return lambda: {"seconds": 0.01, "failures": int(stage.dice.random() < 0.1)}  # noqa: PLR2004 - a tenth of them


async def _killing(stage: Stage, fleet: Fleet) -> int:
    """Kill and replace a worker now and then, for as long as the fault lasts; return how many."""
    kills = 0
    async for _ in stage.lasting():
        await asyncio.sleep(stage.dice.uniform(0.5, 1.5))
        if spare := fleet.spare:
            fleet.kill(stage.dice.choice(spare))
            fleet.start()
            kills += 1
    return kills
