"""F26, F27, F28: connections and servers that end in the middle of everything."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import Final

import psycopg

from chaos.load import mixed_load
from chaos.stage import Stage
from chaos.verdict import Tally
from chaos.waiting import until

_END_ONE: Final = """
select count(pg_terminate_backend(pid)) from (
    select pid from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
    order by random() limit 1
) a
"""
_ONE: Final = """
select pid from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
order by random() limit 1
"""
_RECOVERY_SECONDS: Final = 15.0  # our loops try again after at most ten


async def terminated_backends(stage: Stage) -> Tally:
    """End a random connection every 50 ms."""
    producing = await mixed_load(stage, workers=2, a_second=60)
    stage.expect(rescue_seconds=_RECOVERY_SECONDS)
    ended = 0
    async for _ in stage.lasting():
        ended += await asyncio.to_thread(stage.injector.value, _END_ONE)
        await asyncio.sleep(0.05)
    await producing
    return Tally(ended, "connections ended")


async def crashed_server(stage: Stage) -> Tally:
    """Kill the main process, or stop it immediately, again and again, and start it after up to 2 s."""
    producing = await mixed_load(stage, workers=2, a_second=60)
    stage.expect(rescue_seconds=_RECOVERY_SECONDS)
    crashes, longest = 0, min(6.0, stage.seconds / 3)
    async for _ in stage.lasting():
        await asyncio.sleep(stage.dice.uniform(longest / 4, longest))
        stage.recorder.record("info", "down")
        stage.server.crash([signal.SIGKILL, signal.SIGQUIT][crashes % 2])
        await asyncio.sleep(stage.dice.uniform(0, 2))
        await asyncio.to_thread(stage.server.start)
        stage.recorder.record("info", "up")
        crashes += 1
    await producing
    return Tally(crashes, "crashes of the server")


async def killed_backend(stage: Stage) -> Tally:
    """Kill one server process, as the kernel's killer does: the server ends all others and recovers by itself."""
    producing = await mixed_load(stage, workers=2, a_second=60)
    stage.expect(rescue_seconds=_RECOVERY_SECONDS)
    kills = 0
    async for _ in stage.lasting():
        await asyncio.sleep(stage.dice.uniform(1, 3))
        pid = await asyncio.to_thread(stage.injector.value, _ONE)
        stage.recorder.record("info", "down")
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            kills += 1
        await asyncio.sleep(0.2)
        await until(lambda: _answers(stage), what="the server has recovered", seconds=60)
        stage.recorder.record("info", "up")
    await producing
    return Tally(kills, "server processes killed")


async def _answers(stage: Stage) -> bool:
    try:
        return bool(await asyncio.to_thread(stage.injector.value, "select true"))
    except psycopg.OperationalError:
        return False
