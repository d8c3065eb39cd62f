"""F13 and F25: many at once: workers that start, reconnect and wake together; items that are due in one instant."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from chaos.producer import produce, put
from chaos.stage import Stage
from chaos.verdict import Tally

_CONNECTIONS_A_WORKER: Final = 14  # its pool, the heartbeat, the listener, the notifier, and one being made
_CONNECTIONS: Final = """
select count(*) from pg_stat_activity where datname = current_database() and application_name like 'fairlead worker%%'
"""
_END_ALL: Final = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and application_name like 'fairlead worker%%'
"""
_LONG_WAITS: Final = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and statement_timestamp() - query_start > '1 second'
"""
_BATCH: Final = 1000


async def thundering_herd(stage: Stage) -> Tally:
    """Start many workers together, end all their connections together, wake them together for one item."""
    (tenant,) = await stage.make_tenants(1)
    herd = max(4, min(16, int(stage.seconds / 2)))
    starting = asyncio.create_task(stage.fleet.ready(herd))
    producing = asyncio.create_task(produce(stage, a_second=30, work=lambda: {"seconds": 0.01}))
    await starting
    most, ended, wakes = 0, 0, 0
    async for _ in stage.lasting():
        ended += await asyncio.to_thread(stage.injector.value, _END_ALL)
        for _ in range(20):
            most = max(most, await asyncio.to_thread(stage.injector.value, _CONNECTIONS))
            await asyncio.sleep(0.05)
        await put(stage, tenant, works=[{}])
        await asyncio.to_thread(stage.injector.rows, "select pg_notify('fairlead_ready', 'all')")
        wakes += 1
    await producing
    allowed = herd * _CONNECTIONS_A_WORKER
    complaints = [f"{herd} workers opened {most} connections"] if most > allowed else []
    figures: dict[str, float | int | str] = {"workers": herd, "most connections": most, "wake-ups": wakes}
    return Tally(herd + ended, "starts and reconnections", figures, complaints)


async def due_together(stage: Stage) -> Tally:
    """Let thousands of items be due in the same instant, and look for anybody waiting long for a lock."""
    tenants = await stage.make_tenants(4)
    await stage.fleet.ready(2)
    due: datetime = await asyncio.to_thread(stage.injector.value, "select statement_timestamp()")
    due += timedelta(seconds=max(2.0, stage.seconds / 5))
    count = max(1, int(stage.seconds / 4)) * _BATCH
    for number in range(count // _BATCH):
        await put(stage, tenants[number % len(tenants)], works=[{}] * _BATCH, scheduled_for=due)
    complaints = list[str]()
    while await stage.live_items() > 0:
        if waiting := await asyncio.to_thread(stage.injector.value, _LONG_WAITS):
            complaints.append(f"{waiting} statements waited for a lock for more than a second")
        await asyncio.sleep(0.05)
    took = await asyncio.to_thread(stage.injector.value, "select max(at) from chaos_journal") - due
    return Tally(count, "items due at once", {"all done after s": round(took.total_seconds(), 1)}, complaints)
